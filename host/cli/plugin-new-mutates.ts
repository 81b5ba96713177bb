/** `--mutates`: the steps of a module in a few words. */
type Scalar = string | number | boolean;
type Steps = { [name: string]: { mutates: { [path: string]: [from: Scalar, to: Scalar] } } };

const STEP = /^([A-Za-z][\w-]*):(\/[^=,\s]+)=([^=,\s]+?)\.\.([^=,\s]+)$/;

/** `NAME:PATH=FROM..TO`, with commas between several; one name may have several paths. A text says why it is none; undefined = nothing. */
export function stepsIn(text: string): { readonly mutations: Steps } | string | undefined {
  const mutations: Steps = {};
  const words = text.split(',').map((word) => word.trim());
  for (const word of words.filter((one) => one !== '')) {
    const [, name, path, from, to] = STEP.exec(word) ?? [];
    if (name === undefined || path === undefined || from === undefined || to === undefined)
      return `${word} is not NAME:PATH=FROM..TO, such as powerOn:/physState=POWER_OFF..POWER_ON`;
    const step = Object.hasOwn(mutations, name) ? mutations[name] : undefined;
    mutations[name] = { mutates: { ...step?.mutates, [path]: [scalar(from), scalar(to)] } };
  }
  return Object.keys(mutations).length === 0 ? undefined : { mutations };
}

function scalar(text: string): Scalar {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
