/** REST for people, programs and pages: reads from a replica, writes through the host's operator methods; no private door. */
import { defineModule, type Life, type Module, Terminal } from '@kraken-hpc/sdk';
import { ROLES, type Role } from './access/roles.ts';
import { MOST_DAYS } from './access/tokens.ts';
import { CONFIG, type Config } from './config.ts';
import { Service } from './service.ts';

/** `folder`: where it keeps its tokens; the module's own data directory. */
export function restapi(folder = '.'): Module {
  let running: Service | undefined;
  let life: Pick<Life<never, never, never>, 'host' | 'log' | 'self'> | undefined;
  const service = (): Service => {
    if (running === undefined) throw new Error('the module is not running');
    return running;
  };
  return defineModule({
    config: CONFIG,
    permissions: ['state:read *', 'cfg:write', 'dsc:write', 'operate', 'net'],
    calls: {
      where: { description: 'Where it listens.', call: () => ({ url: service().url.origin }) },
      createToken: {
        description: 'A token for a person or a program; it is told once.',
        params: {
          user: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$' },
          role: { type: 'string', enum: [...ROLES] },
          days: { type: 'integer', minimum: 1, maximum: MOST_DAYS, default: 90 },
        },
        call: async ({ user, role, days }) => ({ ...(await service().tokens.create(String(user), role as Role, Number(days))) }),
      },
      listTokens: {
        description: 'Who has tokens; not the tokens themselves.',
        call: () => ({ tokens: service().tokens.list() }) as never,
      },
      revokeToken: {
        params: { id: { type: 'string', minLength: 1, maxLength: 64 } },
        call: async ({ id }) => {
          if (await service().tokens.revoke(String(id))) return {};
          throw new Terminal(`no token has the id ${String(id)}: kraken token list --users shows all`);
        },
      },
    },
    start: async ({ config, host, log, self }) => {
      life = { host: host as never, log, self };
      running = await Service.open(config as unknown as Config, life, folder);
    },
    stop: () => running?.close(),
    update: async (config) => {
      if (life === undefined) throw new Error('the module is not running');
      const old = service().config;
      await service().close();
      try {
        running = await Service.open(config as unknown as Config, life, folder);
      } catch (error) {
        running = await Service.open(old, life, folder);
        throw error;
      }
    },
  });
}

export default restapi();
