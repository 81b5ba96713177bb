/** One PC whose BMC speaks Redfish: from cold to SYNC, and off again; its machine is QEMU's, its BMC the emulator that real clients accept. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Machine } from '../../host/vm/machine.ts';
import { bmcAddress } from '../../host/vm/network.ts';
import { BoxLab } from './box-lab.ts';

const LOGIN = { user: 'kraken', password: 'secret-of-bmc' };
const LOADER = ['--import', import.meta.resolve('tsx'), '--conditions=kraken-source'];
const PROGRAM = fileURLToPath(new URL('redfish-bmc.ts', import.meta.url));

interface RedfishBmc {
  readonly sha256: string;
  /** `1 On`, `1 boot Pxe Legacy`, in order. */
  readonly commands: readonly string[];
  stop(): void;
}

/** The BMC of a machine of the box, in the box: it switches the machine, and reads what the machine does by itself. */
async function startBmc(lab: BoxLab, machine: Machine): Promise<RedfishBmc> {
  const args = [...LOADER, PROGRAM, bmcAddress(machine.number), LOGIN.user];
  const child = lab.box.network.spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const tell = (line: string): void => void child.stdin?.write(`${line}\n`);
  tell(LOGIN.password);
  const commands: string[] = [];
  let told = false;
  const sha256 = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the BMC has ended with ${code}`)));
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      const said = JSON.parse(line) as { sha256?: string; command?: string; isOn?: boolean };
      if (said.sha256 !== undefined) resolve(said.sha256);
      if (said.command === undefined || said.isOn === undefined) return;
      commands.push(said.command);
      told = said.isOn;
      if (said.isOn !== machine.isOn) machine.power(said.isOn);
    });
  });
  const watch = setInterval(() => {
    if (machine.isOn === told) return;
    told = machine.isOn;
    tell(told ? 'on' : 'off');
  }, 50);
  return {
    sha256,
    commands,
    stop: () => {
      clearInterval(watch);
      child.kill('SIGKILL');
    },
  };
}

test('one machine behind a Redfish BMC boots from cold to SYNC, is switched off, and nothing is sent twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-redfish-'));
  const file = join(folder, 'bmc.password');
  writeFileSync(file, `${LOGIN.password}\n`, { mode: 0o600 });
  const config = { user: LOGIN.user, password: { file }, bootOverride: 'bios', pollEvery: '5s' };
  const services = { redfish: { module: 'redfish', config } };
  let bmc: RedfishBmc | undefined;
  const lab = await BoxLab.open({ machines: 1, kind: 'qemu', firmware: 'bios', args: 'console=ttyS0', services });
  try {
    bmc = await startBmc(lab, lab.box.machine(1));
    const [{ ipmi: _, ...node } = { ipmi: undefined }] = lab.box.nodes();
    const from = await lab.apply([
      { ...node, platform: 'redfish', redfish: { address: bmcAddress(1), fingerprint: `sha256:${bmc.sha256}` } },
    ]);
    await lab.until('SYNC', 300, async () => (await lab.inSync()).length === 1);
    console.log(`SYNC ${((Date.now() - from) / 1000).toFixed(1)} s after the description`);
    assert.deepEqual(bmc.commands, ['1 boot Pxe Legacy', '1 On']);
    assert.equal(lab.box.machine(1).boots, 1);
    await lab.kraken('node', 'power', 'off', 'kr1', '--why', 'test');
    await lab.until('off', 300, async () => (await lab.seen('/physState')).get('kr1') === 'POWER_OFF');
    assert.equal(lab.box.machine(1).isOn, false);
    assert.deepEqual(bmc.commands, ['1 boot Pxe Legacy', '1 On', '1 ForceOff']);
    assert.deepEqual(lab.switched(1), [], 'another BMC was told to switch it');
  } finally {
    bmc?.stop();
    await lab.end();
    rmSync(folder, { recursive: true });
  }
});
