/** `@kraken-hpc/sdk/power`: what every power module has in common, so that a new one need only say how its device is read and switched. */
export { definePower } from './define.ts';
export type { ConsoleProgram, Device, DeviceCall, DevicesCall, PowerCfg, PowerConfig, PowerDefinition } from './definition.ts';
export { Changing, NoAnswer } from './silence.ts';
