/** The part of JSON Schema that these schemas use, checked without any dependency. Kraken itself knows all of it. */

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES = {
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: isObject,
};

/** Each keyword: what is wrong with the value, if anything is. */
const KEYWORDS = {
  type: (type, value) => TYPES[type](value) || `must be of the type ${type}`,
  enum: (values, value) => values.includes(value) || `must be one of ${values.join(', ')}`,
  minLength: (least, value) => typeof value !== 'string' || value.length >= least || `must have at least ${least} characters`,
  maxLength: (most, value) => typeof value !== 'string' || value.length <= most || `must have at most ${most} characters`,
  pattern: (pattern, value) => typeof value !== 'string' || new RegExp(pattern, 'u').test(value) || `must match ${pattern}`,
  minimum: (least, value) => typeof value !== 'number' || value >= least || `must be at least ${least}`,
  maximum: (most, value) => typeof value !== 'number' || value <= most || `must be at most ${most}`,
};

/** These say something to people or to Kraken, and refuse nothing; or they are looked at below. */
const SILENT = /^(?:\$schema|\$comment|title|description|default|examples|x-[a-z-]+|properties|additionalProperties|required|items)$/;

/** What is wrong with the value, as sentences that begin with its place. Throws for a keyword that nothing here checks. */
export function check(schema, value, where = '') {
  const found = [];
  for (const [keyword, wanted] of Object.entries(schema)) {
    const rule = KEYWORDS[keyword];
    if (rule === undefined && !SILENT.test(keyword)) throw new Error(`check.js does not know the keyword ${keyword}: teach it, or use ajv`);
    const verdict = rule?.(wanted, value);
    if (typeof verdict === 'string') found.push(`${where} ${verdict}`);
  }
  if (isObject(value)) found.push(...checkMembers(schema, value, where));
  if (Array.isArray(value) && schema.items) found.push(...value.flatMap((one, index) => check(schema.items, one, `${where}/${index}`)));
  return found;
}

function checkMembers({ properties = {}, additionalProperties = true, required = [] }, value, where) {
  const missing = required.filter((name) => !(name in value)).map((name) => `${where}/${name} is missing`);
  const wrong = Object.entries(value).flatMap(([name, one]) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (schema === false) return [`${where}/${name} is not known`];
    return schema === true ? [] : check(schema, one, `${where}/${name}`);
  });
  return [...missing, ...wrong];
}
