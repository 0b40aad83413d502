import { ValidationError } from '../errors.js';

/**
 * Path below /proc/sys of a sysctl name, by the rule of sysctl(8): the first separator decides. After a dot, dots separate and a slash
 * stands for a dot inside a part (`net.ipv4.conf.eth0/100.rp_filter`); after a slash, slashes separate and dots stay
 * (`net/ipv4/conf/eth0.100/rp_filter`).
 * @throws ValidationError for names outside `net`, which belong to the machine and not to a network namespace, and for names with
 * empty, `.` or `..` parts.
 */
export function sysctlPath(name: string): string {
  const slashes = /^[^./]*\//.test(name);
  const path = slashes ? name : name.replaceAll(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));
  const parts = path.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..' || /[\0\n]/.test(part));
  if (parts[0] !== 'net' || parts.length < 2 || bad) {
    throw new ValidationError('name', 'the name of a sysctl below net, such as net.ipv4.ip_forward', name);
  }
  return path;
}
