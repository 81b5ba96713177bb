/** For the tests: a module in memory, and a host that asks it one thing after the other. */
import { Session } from './kraken.js';

export class Host {
  /** Every line that the module sent or logged. */
  said = [];
  #session;
  #waiting = new Map();
  #last = 0;

  constructor(module) {
    const send = (line) => this.#heard(JSON.parse(line));
    this.#session = new Session(module, { send, log: (text) => this.said.push(text), exit: () => {} });
  }

  /** `onSent` is called with the id of the request when it is on its way. */
  ask(method, params, onSent = () => {}) {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#session.receive(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      onSent(id);
    });
  }

  tell(method, params = {}) {
    this.#session.receive(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Makes it ready; resolves to its answer to `initialize`. */
  async open(config = {}) {
    const answer = await this.ask('initialize', initialize(config));
    this.tell('initialized');
    return answer;
  }

  /** A `mutation` or a `poller` for some nodes; the name of node n1 is kn1. What was observed is sorted by node. */
  async step(kind, name, ids, { within = 5000, onSent } = {}) {
    const nodes = ids.map((id) => ({ id, cfg: { '/nodename': `k${id}` }, dsc: {}, revision: 7 }));
    const answer = await this.ask(`${kind}/run`, { [kind]: name, deadline: Date.now() + within, nodes }, onSent);
    answer.result?.observed.sort((a, b) => (a.node < b.node ? -1 : 1));
    return answer;
  }

  #heard(message) {
    this.said.push(JSON.stringify(message));
    this.#waiting.get(message.id)?.(message);
  }
}

/** The params of `initialize`. */
export function initialize(config, protocols = [1]) {
  const names = { host: { name: 'test', version: '0' }, node: 'self', service: 'test', module: 'test' };
  return { protocols, ...names, config, capabilities: [], now: Date.now() };
}
