/** How often this host was started with these keys: raised and on disk before anything is sealed, so that no nonce comes twice. */
import { readSecret, writeSecret } from './files.ts';

const NAME = 'generation';
const MOST = 0xffff_ffff;

/** `first`: none was known before, so nothing sealed earlier with keys of this directory may be trusted to have other nonces. */
export function raiseGeneration(dir: string): { readonly generation: number; readonly first: boolean } {
  const text = readSecret(dir, NAME)?.toString('latin1').trim() ?? '';
  const before = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  const first = before === 0 || before >= MOST;
  const generation = first ? 1 : before + 1;
  writeSecret(dir, NAME, Buffer.from(`${generation}\n`));
  return { generation, first };
}
