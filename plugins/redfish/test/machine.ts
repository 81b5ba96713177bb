/** What one BMC is and does: its sessions, its systems, and its faults. */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { collection, errorOf, type Reply, ROOT, root, type System, sessionService, systemDoc } from './documents.ts';

export interface Behaviour {
  /** It takes the connection and says nothing. */
  readonly silent: boolean;
  readonly slowMs: number;
  /** Every answer but the service root's is this one. */
  readonly always: Reply | undefined;
  /** The connection is closed on a reset: after it was done. */
  readonly hangsUp: boolean;
  /** Without If-Match of the present tag a PATCH is refused. */
  readonly etag: 'none' | 'required' | 'weak';
  /** The tag changes behind the reader's back before the next PATCH. */
  readonly isStale: boolean;
  readonly pageSize: number;
  /** A nextLink that leads back. */
  readonly loops: boolean;
  readonly sessionLimit: number;
  /** How long a reset is a task; 0 = it is none. */
  readonly taskMs: number;
  readonly taskFails: boolean;
  /** How long it says PoweringOn or PoweringOff. */
  readonly changingMs: number;
  readonly resetTypes: readonly string[] | undefined;
  /** The types stand in an ActionInfo. */
  readonly isActionInfo: boolean;
  readonly bootTargets: readonly string[];
  /** What PowerState says, whatever is. */
  readonly powerState: string | null | undefined;
}

export const NORMAL: Behaviour = {
  silent: false,
  slowMs: 0,
  always: undefined,
  hangsUp: false,
  etag: 'none',
  isStale: false,
  pageSize: 50,
  loops: false,
  sessionLimit: 8,
  taskMs: 0,
  taskFails: false,
  changingMs: 0,
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'PushPowerButton'],
  isActionInfo: false,
  bootTargets: ['None', 'Pxe', 'Hdd', 'UefiHttp'],
  powerState: undefined,
};

export class Machine {
  behaviour: Behaviour = NORMAL;
  user: string;
  password: string;
  connections = 0;
  opened = 0;
  readonly sessions = new Map<string, string>();
  readonly systems: System[];
  /** What was done to it: `1 On`, `1 boot Pxe UEFI`. */
  readonly commands: string[] = [];
  /** Called with each command once it is done, and with it what the machine is by then. */
  told: (command: string, isOn: boolean) => void = () => {};
  /** `GET /redfish/v1/Systems`. */
  readonly requests: string[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #tasks = new Map<string, boolean>();

  constructor({ user, password }: { readonly user: string; readonly password: string }, systems: number) {
    this.user = user;
    this.password = password;
    this.systems = Array.from({ length: systems }, (_, index) => ({ id: String(index + 1), power: 'Off', tag: 1, boot: {} }));
  }

  get isOn(): boolean {
    return this.systems[0]?.power === 'On';
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** As after a restart of the BMC. */
  forgetSessions(): void {
    this.sessions.clear();
  }

  answer(method: string, url: string, headers: IncomingHttpHeaders, body: Record<string, unknown>): Reply {
    this.requests.push(`${method} ${url}`);
    const [path = '', query = ''] = url.split('?');
    const at = path.replace(/\/+$/, '') || '/';
    if (method === 'GET' && at === '/redfish') return { status: 200, body: { v1: `${ROOT}/` } };
    if (method === 'GET' && at === ROOT) return { status: 200, body: root() };
    if (this.behaviour.always !== undefined) return this.behaviour.always;
    if (method === 'POST' && at === `${ROOT}/SessionService/Sessions`) return this.#logIn(body);
    if (!this.#isKnown(headers)) return errorOf(401, 'Base.1.8.NoValidSession', 'There is no valid session.');
    if (method === 'GET' && at === `${ROOT}/SessionService`) return { status: 200, body: sessionService() };
    if (at.startsWith(`${ROOT}/SessionService/Sessions`)) return this.#session(method, at);
    if (method === 'GET' && at.startsWith(`${ROOT}/TaskService/`)) return this.#task(at);
    if (method === 'GET' && at === `${ROOT}/Systems`) return this.#list(query);
    const [id = '', ...rest] = at.slice(`${ROOT}/Systems/`.length).split('/');
    const system = at.startsWith(`${ROOT}/Systems/`) ? this.systems.find((one) => one.id === id) : undefined;
    if (system === undefined) return errorOf(404, 'Base.1.8.ResourceMissingAtURI', `There is nothing at ${at}.`);
    return this.#system(system, method, rest.join('/'), headers, body);
  }

  #isKnown(headers: IncomingHttpHeaders): boolean {
    const token = headers['x-auth-token'];
    if (typeof token === 'string') return this.sessions.has(token);
    return headers.authorization === `Basic ${Buffer.from(`${this.user}:${this.password}`).toString('base64')}`;
  }

  #logIn({ UserName, Password }: Record<string, unknown>): Reply {
    if (UserName !== this.user || Password !== this.password)
      return errorOf(401, 'Base.1.8.InsufficientPrivilege', `${String(Password)} is wrong.`);
    if (this.sessions.size >= this.behaviour.sessionLimit) return errorOf(400, 'Base.1.8.SessionLimitExceeded', 'Too many sessions.');
    const token = randomBytes(16).toString('hex');
    const uri = `${ROOT}/SessionService/Sessions/${++this.opened}`;
    this.sessions.set(token, uri);
    const doc = { '@odata.id': uri, '@odata.type': '#Session.v1_3_0.Session', Id: String(this.opened), Name: 'Session', UserName };
    return { status: 201, headers: { 'x-auth-token': token, location: uri }, body: doc };
  }

  #session(method: string, at: string): Reply {
    const uris = [...this.sessions.values()];
    if (at.endsWith('/Sessions')) return { status: 200, body: collection(at, 'Session', uris) };
    const token = [...this.sessions].find(([, uri]) => uri === at)?.[0];
    if (token === undefined) return errorOf(404, 'Base.1.8.ResourceMissingAtURI', 'No such session.');
    if (method === 'DELETE') {
      this.sessions.delete(token);
      return { status: 204 };
    }
    return { status: 200, body: { '@odata.id': at, '@odata.type': '#Session.v1_3_0.Session', Id: at.split('/').at(-1), Name: 'Session' } };
  }

  #list(query: string): Reply {
    const { pageSize, loops } = this.behaviour;
    const at = `${ROOT}/Systems`;
    const skip = Number(/\$skip=(\d+)/.exec(query)?.[1] ?? 0);
    const uris = this.systems.map(({ id }) => `${at}/${id}`);
    const next = loops ? `${at}?$skip=0` : skip + pageSize < uris.length ? `${at}?$skip=${skip + pageSize}` : undefined;
    const page = collection(at, 'ComputerSystem', uris.slice(skip, skip + pageSize), uris.length);
    return { status: 200, body: next === undefined ? page : { ...page, 'Members@odata.nextLink': next } };
  }

  #system(system: System, method: string, rest: string, headers: IncomingHttpHeaders, body: Record<string, unknown>): Reply {
    const { behaviour } = this;
    if (method === 'GET' && rest === '') {
      const tag = this.#tagOf(system);
      return { status: 200, headers: tag === undefined ? {} : { etag: tag }, body: systemDoc(system, behaviour) };
    }
    if (method === 'GET' && rest === 'ResetActionInfo')
      return {
        status: 200,
        body: {
          '@odata.id': `${ROOT}/Systems/${system.id}/ResetActionInfo`,
          '@odata.type': '#ActionInfo.v1_1_2.ActionInfo',
          Id: 'ResetActionInfo',
          Name: 'Reset',
          Parameters: [{ Name: 'ResetType', Required: true, DataType: 'String', AllowableValues: behaviour.resetTypes }],
        },
      };
    if (method === 'PATCH' && rest === '') return this.#patch(system, headers, body);
    if (method === 'POST' && rest === 'Actions/ComputerSystem.Reset') return this.#reset(system, String(body['ResetType']));
    return errorOf(405, 'Base.1.8.OperationNotAllowed', 'Not allowed.');
  }

  #tagOf({ tag }: System): string | undefined {
    switch (this.behaviour.etag) {
      case 'none':
        return undefined;
      case 'required':
        return `"${tag}"`;
      case 'weak':
        return `W/"${tag}"`;
      default:
        throw new Error(`no such tag: ${this.behaviour.etag satisfies never}`);
    }
  }

  #patch(system: System, headers: IncomingHttpHeaders, body: Record<string, unknown>): Reply {
    const { behaviour } = this;
    if (behaviour.isStale) {
      system.tag++;
      this.behaviour = { ...behaviour, isStale: false };
    }
    if (behaviour.etag !== 'none') {
      if (headers['if-match'] === undefined) return errorOf(428, 'Base.1.8.PreconditionRequired', 'If-Match is required.');
      if (headers['if-match'] !== `"${system.tag}"`) return errorOf(412, 'Base.1.8.PreconditionFailed', 'The tag is another.');
    }
    const boot = body['Boot'] as Record<string, unknown> | undefined;
    const target = boot?.['BootSourceOverrideTarget'];
    if (boot === undefined || !behaviour.bootTargets.includes(String(target)))
      return errorOf(400, 'Base.1.8.PropertyValueNotInList', `${String(target)} is none of them.`);
    system.boot = { ...system.boot, ...boot };
    system.tag++;
    this.#note(system, `${system.id} boot ${String(target)} ${String(boot['BootSourceOverrideMode'] ?? '-')}`);
    return { status: 200, body: systemDoc(system, behaviour) };
  }

  #reset(system: System, type: string): Reply {
    const { resetTypes, taskMs, taskFails, hangsUp } = this.behaviour;
    const on = type === 'On' || type === 'ForceOn' ? true : type === 'ForceOff' ? false : undefined;
    if (on === undefined || !(resetTypes ?? ['On', 'ForceOff']).includes(type))
      return errorOf(400, 'Base.1.8.ActionParameterNotSupported', `${type} is not supported.`);
    if (taskMs === 0) {
      this.#switch(system, on);
      this.#note(system, `${system.id} ${type}`);
      return { status: hangsUp ? 0 : 204 };
    }
    this.#note(system, `${system.id} ${type}`);
    const uri = `${ROOT}/TaskService/TaskMonitors/${this.commands.length}`;
    this.#tasks.set(uri, true);
    this.#later(taskMs, () => {
      this.#tasks.set(uri, false);
      if (!taskFails) this.#switch(system, on);
    });
    return { status: 202, headers: { location: uri }, body: taskDoc(uri, 'Running') };
  }

  #task(at: string): Reply {
    const isRunning = this.#tasks.get(at);
    if (isRunning === undefined) return errorOf(404, 'Base.1.8.ResourceMissingAtURI', 'No such task.');
    if (isRunning) return { status: 202, headers: { location: at }, body: taskDoc(at, 'Running') };
    return { status: 200, body: taskDoc(at, this.behaviour.taskFails ? 'Exception' : 'Completed') };
  }

  #note({ power }: System, command: string): void {
    this.commands.push(command);
    this.told(command, power === 'On');
  }

  /** The machine has done so by itself, or has lost its power. */
  setPower(isOn: boolean): void {
    for (const system of this.systems) system.power = isOn ? 'On' : 'Off';
  }

  #switch(system: System, on: boolean): void {
    const { changingMs } = this.behaviour;
    system.power = changingMs === 0 ? (on ? 'On' : 'Off') : on ? 'PoweringOn' : 'PoweringOff';
    if (changingMs > 0)
      this.#later(changingMs, () => {
        system.power = on ? 'On' : 'Off';
      });
  }

  #later(ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
  }
}

const taskDoc = (uri: string, TaskState: string): object => ({
  '@odata.id': uri,
  '@odata.type': '#Task.v1_4_3.Task',
  Id: uri.split('/').at(-1),
  Name: 'Reset',
  TaskState,
  Messages: TaskState === 'Exception' ? [{ MessageId: 'Base.1.8.InternalError', Message: 'The power supply is gone.' }] : [],
});
