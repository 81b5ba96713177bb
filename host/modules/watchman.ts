/**
 * Leaves no orphan when the host dies in a way in which it can do nothing more (kill -9, out of memory).
 * A shell of 1 MB holds the end of a pipe from the host and the list of the modules' process groups. When the pipe ends, modules
 * have two seconds to see the end of their own input and go; what is left of their groups is then killed, grandchildren too.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

const GRACE_SECONDS = 2;

const SCRIPT = `
groups=
while read -r op group; do
  case $op in
    +) groups="$groups $group" ;;
    -) left=; for one in $groups; do [ "$one" = "$group" ] || left="$left $one"; done; groups=$left ;;
  esac
done
[ -n "$groups" ] || exit 0
sleep ${GRACE_SECONDS}
for one in $groups; do kill -s KILL -- "-$one" 2>/dev/null; done
exit 0
`;

export class Watchman {
  readonly #groups = new Set<number>();
  #shell: ChildProcessByStdio<Writable, null, null> | undefined;

  watch(pid: number): void {
    if (pid <= 1) return;
    this.#groups.add(pid);
    if (this.#shell) this.#shell.stdin.write(`+ ${pid}\n`);
    else this.#start();
  }

  forget(pid: number): void {
    if (this.#groups.delete(pid)) this.#shell?.stdin.write(`- ${pid}\n`);
  }

  /** All modules are gone: it goes too. */
  end(): void {
    this.#shell?.stdin.end();
    this.#shell = undefined;
  }

  /** Ended by somebody, it is started anew with all that it must know. */
  #start(): void {
    const shell = spawn('/bin/sh', ['-c', SCRIPT], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
    });
    shell.unref();
    shell.stdin.on('error', () => {});
    const lost = (): void => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      if (this.#groups.size > 0) setTimeout(() => this.#shell ?? this.#start(), 1000).unref();
    };
    shell.once('error', lost);
    shell.once('exit', lost);
    this.#shell = shell;
    shell.stdin.write([...this.#groups].map((pid) => `+ ${pid}\n`).join(''));
  }
}
