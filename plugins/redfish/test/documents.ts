/** The resources as real BMCs write them: as much as redfishtool and sushy look at. */
import type { Behaviour } from './machine.ts';

export interface System {
  readonly id: string;
  power: string;
  tag: number;
  boot: Record<string, unknown>;
}
export interface Reply {
  /** 0 = the connection is closed without an answer. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | string;
}

export const ROOT = '/redfish/v1';

export const errorOf = (status: number, MessageId: string, Message: string): Reply => ({
  status,
  body: {
    error: { code: 'Base.1.8.GeneralError', message: 'See @Message.ExtendedInfo.', '@Message.ExtendedInfo': [{ MessageId, Message }] },
  },
});

export const root = (): object => ({
  '@odata.id': `${ROOT}/`,
  '@odata.type': '#ServiceRoot.v1_5_0.ServiceRoot',
  Id: 'RootService',
  Name: 'Root Service',
  RedfishVersion: '1.6.0',
  UUID: '92384634-2938-2342-8820-489239905423',
  Systems: { '@odata.id': `${ROOT}/Systems` },
  SessionService: { '@odata.id': `${ROOT}/SessionService` },
  Links: { Sessions: { '@odata.id': `${ROOT}/SessionService/Sessions` } },
});

export const sessionService = (): object => ({
  '@odata.id': `${ROOT}/SessionService`,
  '@odata.type': '#SessionService.v1_1_6.SessionService',
  Id: 'SessionService',
  Name: 'Session Service',
  ServiceEnabled: true,
  SessionTimeout: 300,
  Sessions: { '@odata.id': `${ROOT}/SessionService/Sessions` },
});

export const collection = (at: string, of: string, uris: readonly string[], count = uris.length): object => ({
  '@odata.id': at,
  '@odata.type': `#${of}Collection.${of}Collection`,
  Name: `${of} Collection`,
  Members: uris.map((uri) => ({ '@odata.id': uri })),
  'Members@odata.count': count,
});

export function systemDoc({ id, power, boot }: System, { resetTypes, isActionInfo, bootTargets, powerState }: Behaviour): object {
  const at = `${ROOT}/Systems/${id}`;
  const types = resetTypes === undefined ? {} : { 'ResetType@Redfish.AllowableValues': resetTypes };
  return {
    '@odata.id': at,
    '@odata.type': '#ComputerSystem.v1_10_0.ComputerSystem',
    Id: id,
    Name: `System ${id}`,
    SystemType: 'Physical',
    Manufacturer: 'Kraken',
    Model: 'Emulator',
    SerialNumber: `E${id}`,
    UUID: `38947555-7742-3448-3784-${id.padStart(12, '0')}`,
    PowerState: powerState === undefined ? power : powerState,
    Status: { State: 'Enabled', Health: 'OK' },
    ProcessorSummary: { Count: 1, Model: 'none' },
    MemorySummary: { TotalSystemMemoryGiB: 1 },
    Boot: {
      BootSourceOverrideEnabled: 'Disabled',
      BootSourceOverrideTarget: 'None',
      BootSourceOverrideMode: 'UEFI',
      'BootSourceOverrideTarget@Redfish.AllowableValues': bootTargets,
      'BootSourceOverrideMode@Redfish.AllowableValues': ['Legacy', 'UEFI'],
      ...boot,
    },
    Actions: {
      '#ComputerSystem.Reset': {
        target: `${at}/Actions/ComputerSystem.Reset`,
        ...(isActionInfo ? { '@Redfish.ActionInfo': `${at}/ResetActionInfo` } : types),
      },
    },
  };
}
