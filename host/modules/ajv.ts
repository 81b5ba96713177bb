/** The validator of services' configs, in a file of its own: it is loaded by the first service that has one. Bundled, ajv gives its names only to a static import. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';

/** Knows the annotations of the protocol's schemas, and formats. */
export function createAjv(): Ajv2020 {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false, validateFormats: true });
  ajv.addVocabulary(['x-secret', 'x-optional', 'x-means', 'x-never-wanted', 'x-terminal', 'x-progress', 'x-says', 'x-type', 'x-name']);
  ajvFormats.default(ajv);
  return ajv;
}
