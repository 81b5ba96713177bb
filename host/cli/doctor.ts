/** `kraken doctor`: what is wrong with this installation, and what to do. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { EngineStatus } from '../core/answers.ts';
import type { PeerStatus } from '../core/peer-status.ts';
import type { Finding, Status } from '../doctor/finding.ts';
import type { Answers, Site } from '../doctor/site.ts';
import manifest from '../package.json' with { type: 'json' };
import { type Client, withClient } from './client.ts';
import { cut, oneLine } from './columns.ts';
import { asFailure, EXIT } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { count } from './words.ts';

/** systemctl of a machine that is in trouble may not answer at all. */
const PATIENCE = 5_000;

/** Exit code 1 where there is a problem; warnings alone are 0. */
export const doctor: Action = async (call) => {
  const { examine } = await import('../doctor/examine.ts');
  const findings = await examine(await siteOf(call));
  const problems = findings.filter(({ status }) => status === 'problem').length;
  const exit = problems > 0 ? EXIT.failed : EXIT.ok;
  if (
    await printData(
      call,
      { findings },
      findings.filter(({ status }) => status === 'problem').map(({ check }) => check),
    )
  )
    return exit;
  const widest = Math.max(...findings.map(({ check }) => check.length));
  for (const finding of findings) call.io.out(findingText(finding, widest, call));
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  const words = [problems > 0 ? count(problems, 'problem') : 'No problem', ...(warnings > 0 ? [count(warnings, 'warning')] : [])];
  call.io.out(`\n${words.join(', ')}.\n`);
  return exit;
};

const MARKS: Readonly<Record<Status, string>> = { ok: 'ok', warning: 'warning', problem: 'PROBLEM', skipped: 'skipped' };

function findingText({ check, status, found, todo }: Finding, widest: number, { style, io }: Call): string {
  const mark = MARKS[status].padEnd(7);
  const shown =
    status === 'ok' ? style.good(mark) : status === 'problem' ? style.bad(mark) : status === 'warning' ? style.warn(mark) : style.dim(mark);
  const head = `${shown}  ${check.padEnd(widest)}  `;
  const indent = ' '.repeat(widest + 11);
  const line = status === 'ok' || status === 'skipped' ? cut(head + oneLine(found), io.columns) : head + oneLine(found);
  return `${line}\n${todo === '' ? '' : `${indent}→ ${oneLine(todo)}\n`}`;
}

async function siteOf(call: Call): Promise<Site> {
  const { paths, io, uid, version } = call;
  return {
    version,
    node: process.version,
    engines: manifest.engines.node,
    uid,
    now: io.now(),
    paths,
    isConfigNamed: flag(call, 'config') !== undefined || Boolean(io.env['KRAKEN_CONFIG']),
    host: await askHost(call),
    root: '/',
    program: (name) => findProgram(name, io.env['PATH'] ?? ''),
    run,
  };
}

/** Services that are not shut off from the host, though neither `root` nor `ports` asks for that. */
async function openServices(client: Client): Promise<Answers['open']> {
  const { plugins } = await client.ask('plugin/list', {});
  const shut = plugins.filter(
    ({ services, permissions }) => services.length > 0 && !permissions.some((one) => one === 'root' || one === 'ports'),
  );
  const infos = await Promise.all(shut.map(({ plugin }) => client.ask('plugin/info', { plugin })));
  return infos.flatMap(({ confinement }) =>
    confinement.flatMap(({ service, what, state, how }) => (what === 'data of others' && state === 'declared' ? [{ service, how }] : [])),
  );
}

async function askHost(call: Call): Promise<Site['host']> {
  try {
    return await withClient(call, async (client) => {
      const status = (await client.ask('engine/status', {})) as EngineStatus;
      const { peers } = await client.ask('peer/list', {});
      return { status, peers: peers as readonly PeerStatus[], open: await openServices(client) };
    });
  } catch (error) {
    const { message, todo } = asFailure(error);
    return { why: message, todo };
  }
}

function findProgram(name: string, path: string): string | undefined {
  // What only root uses lies where others do not look.
  const folders = name.includes('/') ? [''] : [...path.split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function run(program: string, args: readonly string[]): ReturnType<Site['run']> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: PATIENCE });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.on('error', () => resolve(undefined));
    child.on('close', (exit) => resolve({ exit: exit ?? EXIT.failed, out }));
  });
}
