/** A session with one BMC: opened by RAKP, then one request after the other, each sent again until it is answered. */
import { Busy } from '@kraken-hpc/sdk';
import { NoAnswer } from '@kraken-hpc/sdk/power';
import { decode, encode, type Keys, message, PAYLOAD, type Packet, type Reply, replyOf } from './packet.ts';
import { checkRakp2, checkRakp4, newTerms, openRequest, type Privilege, rakp1, rakp3, type Terms } from './rakp.ts';
import type { Suite } from './suite.ts';
import type { Endpoint, Transport } from './transport.ts';
import { refusedStatus, wrongPassword } from './trouble.ts';

export interface Login {
  readonly suite: Suite;
  readonly user: string;
  readonly password: Buffer;
  readonly privilege: Privilege;
}

export interface Way {
  readonly transport: Transport;
  readonly endpoint: Endpoint;
  /** `BMC 10.0.0.7`, `BMC 10.0.0.7:9001`: for people. */
  readonly name: string;
  /** Milliseconds until a request is sent again, one for each try. */
  readonly tries: readonly number[];
}

const APP = 0x06;
const SET_PRIVILEGE = 0x3b;
const CLOSE_SESSION = 0x3c;
/** Table 13-15: invalid session id, inactive session id, invalid integrity check value. */
const CROSSED: readonly number[] = [0x02, 0x08, 0x0f];

export class Session {
  readonly #way: Way;
  readonly #consoleId: number;
  #keys: Keys | undefined;
  #bmcId = 0;
  #sequence = 0;
  #requests = 0;
  #heard: (packet: Packet) => void = () => {};
  /** performance.now() of the last answer. */
  lastAnswer = 0;

  private constructor(way: Way) {
    this.#way = way;
    this.#consoleId = way.transport.listen(way.endpoint, (bytes) => {
      const packet = decode(bytes, this.#keys);
      if (packet !== undefined) this.#heard(packet);
    });
    // Tags of two sessions with one BMC must not be the same.
    this.#requests = this.#consoleId & 0xff;
  }

  /** Rejects with NoAnswer, LoginRefused, Busy, or an Error that says what the BMC made of it. */
  static async open(way: Way, login: Login): Promise<Session> {
    const session = new Session(way);
    try {
      await session.#open(newTerms(login.suite, login.user, login.password, login.privilege, session.#consoleId));
      return session;
    } catch (error) {
      session.forget();
      throw error;
    }
  }

  /**
   * The BMC's reply, whatever its completion code. One request at a time. Rejects with NoAnswer.
   * `once`: it is never sent again, and its answer waited for as long as for any other. BMCs should drop a packet that comes twice
   * (6.12.13); ipmi_sim, slow to answer, does it twice. Where no answer comes the caller looks what has come of it.
   */
  async request(netFn: number, command: number, data: readonly number[] = [], once = false): Promise<Reply> {
    const sequence = ++this.#requests & 0x3f;
    const payload = message(netFn, command, sequence, Buffer.from(data));
    const packet = this.#packet(PAYLOAD.ipmi, payload);
    let isSent = false;
    return this.#exchange(
      () => {
        if (!isSent) {
          isSent = true;
          return packet;
        }
        return once ? undefined : this.#packet(PAYLOAD.ipmi, payload);
      },
      (heard) => {
        const reply = heard.payloadType === PAYLOAD.ipmi ? replyOf(heard.payload) : undefined;
        return reply?.netFn === netFn + 1 && reply.command === command && reply.sequence === sequence ? reply : undefined;
      },
    );
  }

  /** Says goodbye, and waits for nothing: the BMC would end the session by itself after a minute. */
  async close(): Promise<void> {
    const id = Buffer.alloc(4);
    id.writeUInt32LE(this.#bmcId);
    const payload = message(APP, CLOSE_SESSION, ++this.#requests & 0x3f, id);
    this.forget();
    await this.#way.transport.send(this.#packet(PAYLOAD.ipmi, payload), this.#way.endpoint);
  }

  forget(): void {
    this.#way.transport.forget(this.#consoleId);
  }

  async #open(terms: Terms): Promise<void> {
    const { name } = this.#way;
    const opened = await this.#step(PAYLOAD.openRequest, (tag) => openRequest(tag, terms), PAYLOAD.openResponse, terms, 12);
    this.#bmcId = opened.readUInt32LE(8);
    const second = await this.#step(PAYLOAD.rakp1, (tag) => rakp1(tag, terms, this.#bmcId), PAYLOAD.rakp2, terms, 40);
    const challenge = checkRakp2(second, terms, this.#bmcId);
    if (challenge === undefined) throw wrongPassword(name, terms.user);
    const fourth = await this.#step(PAYLOAD.rakp3, (tag) => rakp3(tag, terms, challenge), PAYLOAD.rakp4, terms, 8);
    const keys = checkRakp4(fourth, terms, challenge);
    if (keys === undefined) throw wrongPassword(name, terms.user);
    this.#keys = keys;
    const { completion } = await this.request(APP, SET_PRIVILEGE, [terms.privilege]);
    if (completion !== 0)
      throw refusedStatus(completion === 0x80 || completion === 0x81 ? 10 : completion, name, terms.user, terms.suite.id);
  }

  /** One message of the opening and its answer, whose status is checked; `least` bytes of it must be there. */
  async #step(type: number, make: (tag: number) => Buffer, answer: number, terms: Terms, least: number): Promise<Buffer> {
    const tag = ++this.#requests & 0xff;
    const payload = make(tag);
    const { payload: answered } = await this.#exchange(
      () => encode({ payloadType: type, session: 0, sequence: 0, payload }),
      (packet) => (packet.payloadType === answer && packet.payload[0] === tag ? packet : undefined),
    );
    const status = answered[1] ?? 0xff;
    // A wrong password shows in RAKP 2, which we check ourselves: what goes wrong after it is a message that came twice.
    if (type === PAYLOAD.rakp3 && CROSSED.includes(status)) throw new Busy(`${this.#way.name} lost the thread while it opened a session`);
    if (status !== 0) throw refusedStatus(status, this.#way.name, terms.user, terms.suite.id);
    if (answered.length < least) throw new Error(`${this.#way.name} sent a message of the opening that is too short`);
    return answered;
  }

  #packet(payloadType: number, payload: Buffer): Buffer {
    this.#sequence = this.#sequence === 0xffff_ffff ? 1 : this.#sequence + 1;
    return encode({ payloadType, session: this.#bmcId, sequence: this.#sequence, payload }, this.#keys);
  }

  /** Sends until there is an answer, each time what `packet` makes, or nothing. */
  #exchange<T>(packet: () => Buffer | undefined, answerOf: (packet: Packet) => T | undefined): Promise<T> {
    const { transport, endpoint, tries, name } = this.#way;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout;
      let sent = 0;
      this.#heard = (heard) => {
        const answer = answerOf(heard);
        if (answer === undefined) return;
        clearTimeout(timer);
        this.#heard = () => {};
        this.lastAnswer = performance.now();
        resolve(answer);
      };
      const send = (index: number): void => {
        const wait = tries[index];
        if (wait === undefined) {
          this.#heard = () => {};
          reject(
            new NoAnswer(
              `${name} did not answer (${sent} ${sent === 1 ? 'try' : 'tries'} in ${tries.reduce((sum, one) => sum + one, 0) / 1000} s)`,
            ),
          );
          return;
        }
        timer = setTimeout(() => send(index + 1), wait);
        const bytes = packet();
        if (bytes === undefined) return;
        sent++;
        transport.send(bytes, endpoint).catch((error: unknown) => {
          clearTimeout(timer);
          reject(error);
        });
      };
      send(0);
    });
  }
}
