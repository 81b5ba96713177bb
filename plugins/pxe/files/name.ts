/** Names of files as clients ask for them: whatever could mean a place outside of the root is refused before anybody looks at a disk. */

/** Bytes in UTF-8. */
const LONGEST = 512;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name that is fit for the Source, or what is wrong with it (a clause that goes after "the name"). */
export type Named = { readonly name: string } | { readonly wrong: string };

/** `raw` as bytes of a packet or text of a path, already unescaped; one leading `/` means the root and is dropped. */
export function cleanName(raw: Uint8Array | string): Named {
  const text = typeof raw === 'string' ? raw : decoded(raw);
  if (text === undefined) return { wrong: 'is not UTF-8' };
  const name = text.startsWith('/') ? text.slice(1) : text;
  if (name === '') return { wrong: 'is empty' };
  if (Buffer.byteLength(name) > LONGEST) return { wrong: `is longer than ${LONGEST} bytes` };
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return { wrong: 'has control characters in it' };
  if (name.includes('\\')) return { wrong: 'has a backslash in it: write / between folders' };
  const parts = name.split('/');
  if (parts.includes('')) return { wrong: 'has an empty part' };
  if (parts.some((part) => part === '.' || part === '..')) return { wrong: 'has . or .. in it: names start at the root' };
  return { name };
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
