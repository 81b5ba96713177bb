import type { Doc } from '@kraken-hpc/sdk/state';

/** A node of ordinary size, as it is inside Kraken. */
export const KR1: Doc = {
  id: '123e4567-e89b-12d3-a456-426655440001',
  nodename: 'kr1',
  parentId: '123e4567-e89b-12d3-a456-426655440000',
  arch: 'amd64',
  platform: 'powerapi',
  labels: { rack: 'r1', role: 'compute' },
  physState: 'POWER_ON',
  runState: 'SYNC',
  services: { pxe: { module: 'pxe', state: 'RUN' } },
  ipv4: {
    hostname: { hostname: 'kr1', domainname: 'cluster' },
    ifaces: { kraken: { eth: { iface: 'eth0', mac: 'aa:bb:cc:00:11:01', mtu: 1500 }, ip: { ip: '10.11.12.11', subnet: '255.255.255.0' } } },
  },
  pxe: { state: 'INIT' },
  power: { apiServer: 'powerapi', nodeName: 'kr1' },
  images: {
    state: 'ACTIVE',
    images: {
      compute: {
        container: {
          command: '/sbin/init',
          state: 'running',
          mount: {
            kind: 'overlay',
            overlay: {
              lower: [
                {
                  kind: 'attach',
                  attach: {
                    fs_type: 'squashfs',
                    mount_options: ['ro'],
                    attach: { kind: 'loopback', loopback: { base: 'root', path: '/images/compute.squashfs' } },
                  },
                },
              ],
            },
          },
        },
      },
    },
  },
};
