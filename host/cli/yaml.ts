/** The YAML library, in a file of its own: it is large, and loaded by those who read or write YAML. */
import { parseAllDocuments, stringify } from 'yaml';

export function toYaml(data: unknown): string {
  return stringify(data, { aliasDuplicateObjects: false, lineWidth: 0 });
}

/** The documents of a text; `error`: why it is none, with line and column. */
export function fromYaml(text: string): { readonly documents: readonly unknown[] } | { readonly error: string } {
  const documents: unknown[] = [];
  for (const document of parseAllDocuments(text, { prettyErrors: true })) {
    const [error] = document.errors;
    if (error) return { error: (error.message.split('\n')[0] ?? '').replace(/:$/, '') };
    const data: unknown = document.toJS({ maxAliasCount: 10_000 });
    if (data !== null) documents.push(data);
  }
  return { documents };
}
