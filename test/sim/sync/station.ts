/** A place on the network: an address with a kernel behind it, and perhaps a process that listens. */
import type { Address, EnrolOutcome, EnrolRequest, StreamId } from '../../../host/sync/actions.ts';

/** What a child's edge shows at a door; what a child's edge keeps of the answer. */
export interface Knock {
  readonly request: EnrolRequest;
  readonly boot: string;
  readonly key: string;
  readonly generation: number;
  readonly privileged: boolean;
  readonly statement: Statement | undefined;
  /** A token's hash. */
  readonly token?: string;
  /** Where it came from. */
  readonly address: string;
}

/** A certificate of a node, as `edge/statement.ts` signs it; here nobody can forge one. */
export interface Statement {
  readonly issuer: string;
  readonly boot: string;
  readonly term: number;
  readonly key: string;
}

export interface Answered {
  readonly wantsNewKey?: boolean;
  readonly outcome: EnrolOutcome;
  readonly statement?: Statement;
  /** With it comes a certificate for a host with children. */
  readonly chain?: boolean;
}

/** A process on the network. */
export interface Endpoint {
  datagram(from: Address, bytes: Uint8Array): void;
  opened(stream: StreamId): void;
  frame(stream: StreamId, bytes: Uint8Array): void;
  closed(stream: StreamId, why: string): void;
  /** At its door; `answer` may be called later, or never. */
  knock(knock: Knock, answer: (answered: Answered) => void): void;
}

export class Station {
  readonly address: string;
  /** Its kernel runs: it refuses connections where no process listens. */
  isUp = true;
  endpoint: Endpoint | undefined;

  constructor(address: string) {
    this.address = address;
  }
}
