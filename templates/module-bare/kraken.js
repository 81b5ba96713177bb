/**
 * The module protocol, version 1: JSON-RPC 2.0, one object a line, on stdin and stdout. There is nothing of any hardware in here, and
 * nothing to change: what the module does stands in module.js.
 */
import { Console } from 'node:console';

const PROTOCOL = 1;
const LINE_LIMIT = 4 * 1024 * 1024;
/** Nodes that one call works on at once. */
const AT_ONCE = 64;
/** What is still running may take so long, in milliseconds, when the host is gone; after 2 s it would be killed. */
const LAST_WORDS = 1000;
const LONGEST_TIMER = 2 ** 31 - 1;

/** Each with its code; Kraken's reference (schemas/PROTOCOL.md) says what it does about each. */
const CODES = {
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  InvalidParams: -32602,
  InternalError: -32603,
  NodeUnreachable: -32001,
  DeviceBusy: -32002,
  LoginRefused: -32003,
  StepFailed: -32005,
  Terminal: -32006,
  TooLarge: -32016,
  NotFound: -32018,
  NotReady: -32019,
  NoCommonVersion: -32020,
  Cancelled: -32021,
  DeadlineExceeded: -32022,
};

/** What a handler throws to say more than "it failed": `new Failure('NodeUnreachable', 'the strip does not answer')`. */
export class Failure extends Error {
  constructor(name, message, data) {
    super(message);
    this.code = CODES[name];
    this.data = data;
  }
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES = {
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: isObject,
};

/** The config with its defaults. Throws a Failure that names every key that is wrong, and no value: it may be a secret. */
export function checkConfig(schemas, given, service) {
  const problems = Object.keys(given)
    .filter((key) => !Object.hasOwn(schemas, key))
    .map((key) => `/${key} is not known (known: ${Object.keys(schemas).join(', ')})`);
  const config = {};
  for (const [key, schema] of Object.entries(schemas)) {
    const value = Object.hasOwn(given, key) ? given[key] : schema.default;
    if (value !== undefined) config[key] = value;
    else if (!schema['x-optional']) problems.push(`/${key} is missing`);
    const wrong = value === undefined ? undefined : misfit(schema, value);
    if (wrong !== undefined) problems.push(`/${key} ${wrong}`);
  }
  if (problems.length === 0) return config;
  const [what, where, why] = ['the config is refused', `config of ${service}`, problems.join('; ')];
  throw new Failure('InvalidParams', `${where}: ${what}: ${why}`, { what, where, why, todo: `Correct it: ${why}` });
}

function misfit({ type, enum: values, format, minLength = 0, minimum = Number.NEGATIVE_INFINITY }, value) {
  if (type !== undefined && !TYPES[type](value)) return `must be of the type ${type}`;
  if (values !== undefined && !values.includes(value)) return `must be one of ${values.join(', ')}`;
  if (typeof value === 'string' && value.length < minLength) return `must have at least ${minLength} characters`;
  if (format === 'uri' && !URL.canParse(value)) return 'must be a URI';
  if (typeof value === 'number' && value < minimum) return `must be at least ${minimum}`;
  return undefined;
}

/** What is said with the host, whatever carries the lines: a test carries them by itself. */
export class Session {
  #module;
  #link;
  #state = 'new';
  #service = '';
  #config = {};
  #secrets = [];
  /** The host's clock less our own. */
  #ahead = 0;
  /** Calls that are being answered, by their id. */
  #calls = new Map();

  /** `link`: send(line), log(text) for a person, exit(code). */
  constructor(module, link) {
    this.#module = module;
    this.#link = link;
  }

  receive(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      return this.#link.log('the host sent a line that is not JSON');
    }
    if (!isObject(message) || typeof message.method !== 'string') return;
    const { id, method, params = {} } = message;
    if (id === undefined) this.#hear(method, params);
    else void this.#answer(id, method, params);
  }

  /** Ends every call within so many milliseconds. */
  async stop(grace) {
    this.#state = 'stopping';
    for (const { cancel } of this.#calls.values()) cancel(undefined, 'the module is stopping');
    const timer = new Promise((resolve) => setTimeout(resolve, grace * 0.6).unref());
    await Promise.race([Promise.allSettled([...this.#calls.values()].map(({ done }) => done)), timer]);
  }

  /** Unknown notifications are dropped. */
  #hear(method, params) {
    if (method === 'initialized' && this.#state === 'declared') this.#state = 'ready';
    else if (method === '$/cancel') this.#calls.get(params.id)?.cancel(params.nodes, params.reason ?? 'cancelled');
    else if (method === 'exit') this.#link.exit(0);
  }

  async #answer(id, method, params) {
    try {
      if (!isObject(params)) throw new Failure('InvalidParams', `${method}: the params are not an object`);
      this.#send({ id, result: await this.#result(id, method, params) });
    } catch (error) {
      const { code, message, data } = this.#failureOf(error, CODES.InternalError);
      this.#send({ id, error: data === undefined ? { code, message } : { code, message, data } });
    }
  }

  #result(id, method, params) {
    switch (method) {
      case 'initialize':
        return this.#initialize(params);
      case 'ping':
        return {};
      case 'mutation/run':
        return this.#run(id, 'mutation', this.#module.mutations, params);
      case 'poller/run':
        return this.#run(id, 'poller', this.#module.pollers, params);
      case 'config/update':
        return this.#update(params);
      case 'shutdown':
        return this.stop(typeof params.grace === 'number' ? params.grace : 1000).then(() => ({}));
      default:
        throw new Failure('MethodNotFound', `${method} is not answered by this module`);
    }
  }

  #initialize({ protocols, service, module, config, now }) {
    if (this.#state !== 'new') throw new Failure('InvalidRequest', 'initialize was sent before');
    if (!Array.isArray(protocols) || typeof service !== 'string' || !isObject(config))
      throw new Failure('InvalidParams', 'initialize: protocols, service or config is missing');
    if (!protocols.includes(PROTOCOL)) {
      const text = `the host offers protocol ${protocols.join(', ')}, this module speaks ${PROTOCOL}: upgrade the older of the two`;
      throw new Failure('NoCommonVersion', text, { offered: protocols, supported: [PROTOCOL] });
    }
    this.#service = service;
    this.#learnSecrets(config);
    this.#config = checkConfig(this.#module.declaration.config ?? {}, config, service);
    this.#link.named?.(service);
    // Two clocks of one machine differ by less than a minute; what more there is was this process starting.
    const own = Date.now();
    this.#ahead = typeof now === 'number' && Math.abs(now - own) > 60_000 ? now - own : 0;
    this.#state = 'declared';
    const { declaration, version } = this.#module;
    const capabilities = ['config', ...['mutations', 'pollers'].filter((kind) => declaration[kind] !== undefined)];
    return { protocol: PROTOCOL, module: { name: module ?? service, version }, capabilities, declaration };
  }

  /** Refused, the old config stays. */
  #update({ config }) {
    if (this.#state === 'new') throw new Failure('NotReady', 'config/update before initialize');
    if (!isObject(config)) throw new Failure('InvalidParams', 'config/update: the config is not an object');
    this.#learnSecrets(config);
    this.#config = checkConfig(this.#module.declaration.config ?? {}, config, this.#service);
    return {};
  }

  /** One step for many nodes: each is observed or has failed by the deadline, whatever the handlers do. */
  async #run(id, kind, handlers, params) {
    const { [kind]: name, deadline, nodes } = params;
    const isTask = (node) => isObject(node) && typeof node.id === 'string' && isObject(node.cfg) && isObject(node.dsc);
    if (typeof name !== 'string' || typeof deadline !== 'number' || !Array.isArray(nodes) || !nodes.every(isTask))
      throw new Failure('InvalidParams', `${kind}/run: ${kind}, deadline or nodes is missing or not what it must be`);
    if (this.#state !== 'ready') throw new Failure('NotReady', 'the module is not initialized, or is stopping');
    const handler = handlers !== undefined && Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (handler === undefined) throw new Failure('NotFound', `this module has no ${kind} ${name}`);

    const call = new Call(nodes, (node, signal) => handler({ node, config: this.#config, signal, log: this.#log }));
    this.#calls.set(id, call);
    const left = deadline - Date.now() - this.#ahead;
    const expire = () => call.expire(`${kind} ${name}: its deadline has passed`);
    if (left <= 0) expire();
    const timer = setTimeout(expire, Math.min(left, LONGEST_TIMER));
    try {
      const { observed, failed } = await call.run();
      return { observed, failed: failed.map(({ node, error }) => ({ node, error: this.#nodeFailure(error) })) };
    } finally {
      clearTimeout(timer);
      this.#calls.delete(id);
    }
  }

  /** For the log of this service; secrets are out of it. */
  #log = (level, message) => {
    this.#send({ method: '$/log', params: { level, message: this.#clean(String(message)).slice(0, 16_384) } });
  };

  #send(message) {
    const line = JSON.stringify({ jsonrpc: '2.0', ...message });
    if (Buffer.byteLength(line) < LINE_LIMIT) return this.#link.send(`${line}\n`);
    if (message.id !== undefined)
      this.#send({ id: message.id, error: { code: CODES.TooLarge, message: 'the answer is larger than a line of the protocol' } });
  }

  #nodeFailure(error) {
    const { code, message } = this.#failureOf(error, CODES.StepFailed);
    return { code, message };
  }

  #failureOf(error, otherwise) {
    const isOurs = error instanceof Failure;
    if (!isOurs) this.#link.log(this.#clean(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    const message = this.#clean(error instanceof Error ? error.message : String(error)).slice(0, 1000);
    return { code: isOurs ? error.code : otherwise, message, data: isOurs ? error.data : undefined };
  }

  /** Known before the config is checked: a refusal must not tell them either. An old secret stays one. */
  #learnSecrets(config) {
    const schemas = Object.entries(this.#module.declaration.config ?? {});
    const values = schemas.filter(([, schema]) => schema['x-secret']).map(([key]) => config[key]);
    this.#secrets = [...new Set([...this.#secrets, ...values.filter((value) => typeof value === 'string' && value !== '')])];
  }

  #clean(text) {
    return this.#secrets.reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
  }
}

/** One call for many nodes. It ends when every node is settled: by its handler, a cancellation or the deadline. */
class Call {
  #nodes;
  #handle;
  #open = new Map();
  #observed = [];
  #failed = [];
  #refused;
  #settled;

  constructor(nodes, handle) {
    this.#nodes = nodes;
    this.#handle = handle;
    for (const { id } of nodes) this.#open.set(id, new AbortController());
    this.done = new Promise((resolve) => {
      this.#settled = resolve;
    });
    if (nodes.length === 0) this.#settled();
  }

  /** Resolves to what came of each node. Rejects where the call as a whole was cancelled. */
  async run() {
    const queue = [...this.#nodes];
    const work = async () => {
      for (let node = queue.shift(); node !== undefined; node = queue.shift()) await this.#one(node);
    };
    for (let i = 0; i < Math.min(AT_ONCE, this.#nodes.length); i++) void work();
    await this.done;
    if (this.#refused !== undefined) throw this.#refused;
    return { observed: this.#observed, failed: this.#failed };
  }

  /** These nodes, or all of them. */
  cancel = (ids, reason) => {
    const failure = new Failure('Cancelled', reason);
    if (Array.isArray(ids)) for (const id of ids) this.#fail(id, failure);
    else {
      this.#refused = failure;
      this.#failRest(failure);
    }
  };

  expire(reason) {
    this.#failRest(new Failure('DeadlineExceeded', reason));
  }

  async #one(node) {
    const signal = this.#open.get(node.id)?.signal;
    if (signal === undefined) return;
    try {
      const values = (await this.#handle(node, signal)) ?? {};
      if (!this.#open.has(node.id)) return;
      this.#observed.push({ node: node.id, values, asOf: node.revision });
      this.#settle(node.id);
    } catch (error) {
      this.#fail(node.id, error);
    }
  }

  #failRest(failure) {
    for (const id of [...this.#open.keys()]) this.#fail(id, failure);
  }

  #fail(id, error) {
    const controller = this.#open.get(id);
    if (controller === undefined) return;
    this.#failed.push({ node: id, error });
    this.#settle(id);
    controller.abort(error);
  }

  #settle(id) {
    this.#open.delete(id);
    if (this.#open.size === 0) this.#settled();
  }
}

/** Bytes to lines. A line that is too long is left out, one that is not UTF-8 too. */
export function lineReader(onLine, onFault) {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let pieces = [];
  let bytes = 0;
  const end = () => {
    const line = bytes > LINE_LIMIT ? undefined : Buffer.concat(pieces);
    [pieces, bytes] = [[], 0];
    if (line === undefined) return onFault(`the host sent a line over ${LINE_LIMIT} bytes`);
    try {
      if (line.length > 0) onLine(utf8.decode(line));
    } catch {
      onFault('the host sent a line that is not UTF-8');
    }
  };
  const keep = (piece) => {
    bytes += piece.length;
    if (bytes <= LINE_LIMIT) pieces.push(piece);
    else pieces = [];
  };
  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      keep(chunk.subarray(from, at));
      from = at + 1;
      end();
    }
    if (from < chunk.length) keep(chunk.subarray(from));
  };
}

/** Serves the module on stdin and stdout until the host says so or is gone. */
export function serve(module) {
  const { stdin, stdout, stderr } = process;
  if (stdin.isTTY) {
    stderr.write('This is a Kraken module: the kraken host starts it, and speaks with it on stdin and stdout.\n');
    stderr.write('Nothing happens when it is run by hand. See what it does with: kraken plugin check .\n');
    process.exitCode = 64;
    return;
  }
  // stdout belongs to the protocol: whatever else is printed goes to stderr.
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  globalThis.console = new Console(stderr, stderr);

  // An empty write is done when all before it is.
  const exit = (code) => {
    setTimeout(() => process.exit(code), 300);
    write('', () => process.exit(code));
  };
  const log = (text) => stderr.write(`${text}\n`);
  const named = (service) => {
    process.title = service;
  };
  const session = new Session(module, { send: write, log, exit, named });
  let isEnding = false;
  const end = () => {
    if (isEnding) return;
    isEnding = true;
    void session.stop(LAST_WORDS).then(() => exit(0));
  };
  stdin.on(
    'data',
    lineReader((line) => session.receive(line), log),
  );
  stdin.on('end', end);
  stdin.on('error', end);
  stdout.on('error', end);
  process.on('SIGTERM', end);
  // Ctrl-C reaches everything in the host's terminal; what happens then is the host's to decide.
  process.on('SIGINT', () => {});
}
