/** The nodes.conf of Warewulf 4: nodes and the profiles that they share. */
import { isIP, isIPv4 } from 'node:net';
import { isMask, macOf, maskOf } from './address.ts';
import { Gathering, type Imported } from './imported.ts';
import { isMembers, type Lined, type Members, membersOf, readLined, textOf } from './lined.ts';
import { listOf, mergeNode } from './warewulf-profiles.ts';

/** The interface that a node boots from, as Kraken calls it. */
const BOOTED_FROM = 'kraken';
const LONGEST_ARGS = 1024;
const LONGEST_USER = 16;

/** Why a member is not taken over, where more can be said than that it has no place. */
const REASONS: Readonly<Record<string, string>> = {
  'runtime overlay': 'Kraken has no overlays',
  'system overlay': 'Kraken has no overlays',
  'ipxe template': 'the scripts of iPXE are made by the pxe service',
  'kernel.override': 'name a kernel in pxe.kernel',
  'kernel.version': 'name a kernel in pxe.kernel',
  'kernel override': 'name a kernel in pxe.kernel',
  discoverable: 'kraken node adopt takes in machines that show themselves',
  'ipmi.password': 'no secret stands in a node: put it into a file that the ipmi service names',
  'ipmi password': 'no secret stands in a node: put it into a file that the ipmi service names',
};
/** What says nothing that Kraken would need to be told. */
const SILENT =
  /^(?:profiles|comment|ipmi\.interface=lanplus|ipmi\.template=ipmitool\.tmpl|network devices\..*\.(?:onboot=true|type=ethernet|(?:default|primary)=.*))$/;

export function readWarewulf(text: string): Imported {
  const gathered = new Gathering();
  const root = readLined(text);
  if ('text' in root) {
    gathered.refuse(root.line, root.text);
    return gathered;
  }
  const members = new Map([...membersOf(root)].map(([name, lined]) => [name.toLowerCase(), lined]));
  const nodes = members.get('nodes');
  if (!isMembers(nodes)) {
    const old = members.get('nodegroups');
    gathered.refuse(
      old?.line ?? root.line,
      old ? 'nodegroups are of a Warewulf before 4.1: upgrade the file with it first' : 'there are no nodes in it',
    );
    return gathered;
  }
  const profiles = membersOf(members.get('nodeprofiles'));
  for (const [name, node] of nodes.value) {
    const merged = mergeNode(node, profiles, (profile, line) => gathered.refuse(line, `there is no profile ${profile}`));
    if (gathered.add(name, node.line)) new Taking(gathered, name).take(merged);
  }
  return gathered;
}

/** One node. Every member is asked for by somebody, or is said to be left. */
class Taking {
  readonly #gathered: Gathering;
  readonly #name: string;
  readonly #taken = new Set<Lined>();

  constructor(gathered: Gathering, name: string) {
    this.#gathered = gathered;
    this.#name = name;
  }

  take(members: Members): void {
    const cluster = this.#text(members, 'cluster name');
    if (cluster) this.#label('cluster', cluster);
    const image = this.#text(members, 'image name') ?? this.#text(members, 'container name');
    if (image) {
      this.#label('image', image);
      this.#gathered.leave(image.line, `the image ${image.text} is kept as the label image; it is not made one of Kraken's images`);
    }
    for (const [tag, value] of [...membersOf(members.get('tags')), ...membersOf(members.get('keys'))]) {
      this.#taken.add(value);
      this.#gathered.label(this.#name, tag, textOf(value) ?? '', value.line);
    }
    this.#kernel(members);
    this.#networks(members);
    this.#bmc(members);
    this.#sayRest(members, '');
  }

  #text(members: Members, name: string): { readonly text: string; readonly line: number } | undefined {
    const lined = members.get(name);
    const text = textOf(lined);
    if (lined === undefined || text === undefined) return undefined;
    this.#taken.add(lined);
    return { text, line: lined.line };
  }

  #label(label: string, { text, line }: { readonly text: string; readonly line: number }): void {
    this.#gathered.label(this.#name, label, text, line);
  }

  #kernel(members: Members): void {
    const lined = membersOf(members.get('kernel')).get('args') ?? members.get('kernel args');
    if (lined === undefined) return;
    this.#taken.add(lined);
    const words = listOf(lined).map((item) => textOf(item) ?? '');
    const args = words.filter((word) => !word.startsWith('~') && !words.includes(`~${word}`)).join(' ');
    if (args.length > LONGEST_ARGS || !/^[ -~]*$/.test(args))
      this.#gathered.refuse(lined.line, `kernel arguments are at most ${LONGEST_ARGS} characters of ASCII`);
    else if (args !== '') this.#gathered.set(this.#name, '/pxe/args', args);
  }

  #networks(members: Members): void {
    const devices = membersOf(members.get('network devices'));
    const primary = this.#primary(members, devices);
    for (const [name, lined] of devices) this.#network(membersOf(lined), name === primary ? BOOTED_FROM : name);
  }

  #primary(members: Members, devices: Members): string | undefined {
    const named = this.#text(members, 'primary network')?.text;
    const flagged = [...devices].find(([, lined]) => ['primary', 'default'].some((flag) => textOf(membersOf(lined).get(flag)) === 'true'));
    return named ?? flagged?.[0] ?? (devices.has('default') ? 'default' : [...devices.keys()].sort()[0]);
  }

  #network(device: Members, iface: string): void {
    const at = `/ipv4/ifaces/${iface.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const set = (path: string, value: string | number): void => this.#gathered.set(this.#name, `${at}${path}`, value);
    const system = this.#text(device, 'device');
    if (system) set('/eth/iface', system.text);
    const mac = this.#text(device, 'hwaddr');
    const known = mac && macOf(mac.text);
    if (known) set('/eth/mac', known);
    else if (mac && /infiniband/i.test(textOf(device.get('type')) ?? ''))
      this.#gathered.leave(mac.line, `${mac.text} is no MAC address of Ethernet`);
    else if (mac) this.#gathered.refuse(mac.line, `${mac.text} is no MAC address`);
    const mtu = this.#text(device, 'mtu');
    if (mtu && /^\d{1,5}$/.test(mtu.text) && Number(mtu.text) <= 65_535) set('/eth/mtu', Number(mtu.text));
    else if (mtu) this.#gathered.refuse(mtu.line, `${mtu.text} is no MTU`);
    this.#address(device, set);
    if (iface === BOOTED_FROM) this.#nameservers(device);
    const gateway = this.#text(device, 'gateway');
    if (gateway && !isIPv4(gateway.text)) this.#gathered.refuse(gateway.line, `${gateway.text} is no IPv4 address`);
    else if (gateway && iface === BOOTED_FROM) this.#gathered.set(this.#name, '/ipv4/routes', [{ ip: gateway.text }]);
    else if (gateway)
      this.#gathered.leave(gateway.line, `the gateway of ${iface}: Kraken gives that of the interface that a node boots from`);
  }

  /** DNS1, DNS2 … among the tags of a network. */
  #nameservers(device: Members): void {
    const tags = [...membersOf(device.get('tags'))].filter(([tag, lined]) => /^DNS\d+$/i.test(tag) && isIPv4(textOf(lined) ?? ''));
    for (const [, lined] of tags) this.#taken.add(lined);
    if (tags.length > 0)
      this.#gathered.set(
        this.#name,
        '/ipv4/dnsNameservers',
        tags.map(([, lined]) => ({ ip: textOf(lined) ?? '' })),
      );
  }

  #address(device: Members, set: (path: string, value: string) => void): void {
    const [, whole, bits] = /^([^/]+)\/(\d{1,2})$/.exec(textOf(device.get('ipcidr')) ?? '') ?? [];
    if (whole !== undefined) this.#text(device, 'ipcidr');
    const address = this.#text(device, 'ipaddr');
    const mask = this.#text(device, 'netmask');
    const ip = address?.text ?? whole;
    const subnet = mask?.text ?? (bits !== undefined && Number(bits) <= 32 ? maskOf(Number(bits)) : undefined);
    const line = address?.line ?? device.get('ipcidr')?.line ?? 1;
    if (mask && !isMask(mask.text)) return this.#gathered.refuse(mask.line, `${mask.text} is no network mask`);
    if (ip === undefined) return;
    if (!isIPv4(ip)) return this.#gathered.refuse(line, `${ip} is no IPv4 address`);
    set('/ip/ip', ip);
    if (subnet !== undefined) set('/ip/subnet', subnet);
  }

  /** As a member `ipmi`, or, before 4.3, as members that begin with it. */
  #bmc(members: Members): void {
    const own = membersOf(members.get('ipmi'));
    const word = (name: string): { readonly text: string; readonly line: number } | undefined =>
      this.#text(own, name) ?? this.#text(members, `ipmi ${name}`);
    const address = word('ipaddr');
    const port = word('port');
    const user = word('username');
    if (address && isIP(address.text) === 0) return this.#gathered.refuse(address.line, `${address.text} is no address of a BMC`);
    if (address) {
      this.#gathered.set(this.#name, '/platform', 'ipmi');
      this.#gathered.set(this.#name, '/ipmi/address', address.text);
    }
    if (port && !(Number(port.text) >= 1 && Number(port.text) <= 65_535)) this.#gathered.refuse(port.line, `${port.text} is no port`);
    else if (port && port.text !== '623') this.#gathered.set(this.#name, '/ipmi/port', Number(port.text));
    if (user && user.text.length > LONGEST_USER)
      this.#gathered.refuse(user.line, `the user ${user.text} of a BMC is longer than ${LONGEST_USER} characters`);
    else if (user) this.#gathered.set(this.#name, '/ipmi/user', user.text);
  }

  #sayRest(members: Members, above: string): void {
    for (const [name, lined] of members) {
      const path = above + name;
      if (this.#taken.has(lined) || SILENT.test(path) || SILENT.test(`${path}=${textOf(lined) ?? ''}`)) continue;
      if (lined.value instanceof Map && /^(?:kernel|ipmi|network devices(?:\..*)?)$/.test(path)) this.#sayRest(lined.value, `${path}.`);
      else if (path !== 'tags' && path !== 'keys')
        this.#gathered.leave(lined.line, `${path}: ${REASONS[path] ?? 'it has no place in Kraken'}`);
    }
  }
}
