/** A real host with the REST service (and the simulator, where it is wanted) for tests: processes on a folder of their own. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Client } from '../../host/cli/client.ts';
import { Lab } from '../e2e/lab.ts';

export interface Rest {
  readonly lab: Lab;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** The control socket beside it. */
  readonly control: Client;
  /** Status, headers and JSON (text where it is none). */
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
  readonly body: any;
}

export interface RestOptions {
  readonly config?: object;
  /** Also the simulator, with this config. */
  readonly sim?: object;
}

/** Starts it and waits until it listens. */
export async function startRest(t: Pick<TestContext, 'after'>, { config = {}, sim }: RestOptions = {}): Promise<Rest> {
  const lab = new Lab(t, {
    services: {
      restapi: { module: 'restapi', config: { listen: '127.0.0.1:0', pages: '', ...config } },
      ...(sim ? { sim: { module: 'simulator', config: sim } } : {}),
    },
  });
  await lab.up();
  const control = await lab.client();
  const url = await listening(control);
  const ask: Rest['ask'] = async (method, path, body, headers = {}) => {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const given = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const answer = await fetch(`${url}${path}`, { method, headers: { ...json, ...headers }, ...given });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: parsed(text) };
  };
  return { lab, url, control, ask };
}

async function listening(control: Client): Promise<string> {
  const until = Date.now() + 20_000;
  for (;;) {
    try {
      const { result } = await control.ask('service/call', { service: 'restapi', call: 'where' });
      return String((result as { readonly url: string }).url);
    } catch (error) {
      if (Date.now() > until) assert.fail(`the REST service does not listen: ${(error as Error).message}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
