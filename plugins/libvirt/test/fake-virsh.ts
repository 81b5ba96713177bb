/** A virsh that switches files: one a domain, its name and its state's number in it. Every call is written down. */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPT = `#!/bin/sh
cd "$(dirname "$0")"
shift; uri=$2; shift 2
echo "$uri $*" >> log
[ -f trouble ] && { cat trouble >&2; exit 1; }
[ -f silent ] && exec sleep 30
state() { read -r name < "domains/$1" && printf '%s\\n%s\\n' "$name" "$2" > "domains/$1"; }
case $1 in
  domstats*)
    for file in domains/*; do { read -r name; read -r state; } < "$file"; printf "Domain: '%s'\\n  state.state=%s\\n  state.reason=1\\n\\n" "$name" "$state"; done
    for file in domains/*; do read -r name < "$file"; printf '%s %s\\n' "\${file#domains/}" "$name"; done ;;
  start) [ -f deaf ] || state "$2" 1; [ -f lost ] && { rm lost; exec sleep 30; }; exit 0 ;;
  destroy) state "$2" 5 ;;
  dumpxml) cat xml ;;
  create) cp "$2" created; state "$(sed -n 's/.*<uuid>\\(.*\\)<.uuid>.*/\\1/p' "$2")" 1 ;;
esac
`;

export class FakeVirsh {
  readonly #folder = mkdtempSync(join(tmpdir(), 'kraken-virsh-'));
  readonly program = join(this.#folder, 'virsh');

  constructor(count: number) {
    mkdirSync(join(this.#folder, 'domains'));
    writeFileSync(this.program, SCRIPT, { mode: 0o755 });
    for (let domain = 0; domain < count; domain++) this.set(domain, 5);
  }

  uuid(domain: number): string {
    return `11111111-2222-3333-4444-${String(domain).padStart(12, '0')}`;
  }

  /** A number of virDomainState. Domains are called `0`, `1`, …, as no domain should be. */
  set(domain: number, state: number): void {
    writeFileSync(join(this.#folder, 'domains', this.uuid(domain)), `${domain}\n${state}\n`);
  }

  isOn(domain: number): boolean {
    return !readFileSync(join(this.#folder, 'domains', this.uuid(domain)), 'utf8').endsWith('\n5\n');
  }

  /** trouble (said on stderr), silent, lost (the answer to the next start), deaf, xml; undefined = no more. */
  behave(how: 'trouble' | 'silent' | 'lost' | 'deaf' | 'xml', text: string | undefined): void {
    if (text === undefined) rmSync(join(this.#folder, how), { force: true });
    else writeFileSync(join(this.#folder, how), text);
  }

  created(): string {
    return readFileSync(join(this.#folder, 'created'), 'utf8');
  }

  /** `qemu:///system start UUID`, in order; forgotten by it. */
  calls(): string[] {
    const file = join(this.#folder, 'log');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    rmSync(file, { force: true });
    appendFileSync(file, '');
    return lines.filter((line) => line !== '');
  }

  end(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
