/** Serial over LAN, by ipmitool: a person's terminal is its business, and it is on every head. */
import type { ConsoleProgram } from '@kraken-hpc/sdk/power';
import { type Bmc, loginOf, type Settings } from './bmc.ts';

/** Throws Terminal where cfg and config together do not say how to log in. The password is named, and not told. */
export function consoleOf({ device, config }: { readonly device: Bmc; readonly config: Settings }): ConsoleProgram {
  const { user, suite } = loginOf(device, config);
  const where = ['-I', 'lanplus', '-H', device.host, '-p', String(device.port)];
  const who = ['-U', user, '-L', config.privilege === 'admin' ? 'ADMINISTRATOR' : 'OPERATOR', '-C', String(suite.id), '-E'];
  const password = device.secret === undefined ? '/password' : `/passwords/${device.secret}`;
  return { program: 'ipmitool', args: [...where, ...who, 'sol', 'activate'], secrets: { IPMI_PASSWORD: password }, leave: '~.' };
}
