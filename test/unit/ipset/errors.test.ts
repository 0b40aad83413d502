import { describe, expect, it } from 'vitest';
import {
  AlreadyExistsError,
  BusyError,
  InvalidArgumentError,
  NetlinkError,
  NotFoundError,
  OutcomeUnknownError,
  PermissionError,
  ProtocolError,
  SetFullError,
  SetTypeMismatchError,
  UnsupportedError,
} from '../../../src/errors.js';
import { IpsetErr, ipsetError } from '../../../src/ipset/errors.js';

const on = (operation: string, type = 'hash:ip,port') => ({ operation, type, target: 'set web' });

describe('an answer of ip_set', () => {
  it.each([
    [-1, 'ipset.create', 'hash:ip', PermissionError, 'EPERM'],
    [-2, 'ipset.add', 'hash:ip', NotFoundError, 'ENOENT'],
    [-16, 'ipset.swap', 'hash:ip', BusyError, 'EBUSY'],
    [-17, 'ipset.create', 'hash:ip', AlreadyExistsError, 'EEXIST'],
    [-22, 'ipset.add', 'hash:ip,port', InvalidArgumentError, 'EINVAL'],
    [-105, 'ipset.add', 'hash:ip', OutcomeUnknownError, 'ENOBUFS'],
    [-4097, 'ipset.add', 'hash:ip', InvalidArgumentError, 'IPSET_ERR_PROTOCOL'],
    [-4098, 'ipset.create', 'hash:ip', UnsupportedError, 'IPSET_ERR_FIND_TYPE'],
    [-4100, 'ipset.destroy', 'hash:ip', BusyError, 'IPSET_ERR_BUSY'],
    [-4101, 'ipset.rename', 'hash:ip', AlreadyExistsError, 'IPSET_ERR_EXIST_SETNAME2'],
    [-4101, 'ipset.swap', 'hash:ip', NotFoundError, 'IPSET_ERR_EXIST_SETNAME2'],
    [-4102, 'ipset.swap', 'hash:ip', SetTypeMismatchError, 'IPSET_ERR_TYPE_MISMATCH'],
    [-4103, 'ipset.add', 'hash:ip', AlreadyExistsError, 'IPSET_ERR_EXIST'],
    [-4103, 'ipset.delete', 'hash:ip', NotFoundError, 'IPSET_ERR_EXIST'],
    [-4104, 'ipset.add', 'hash:ip,port,net', InvalidArgumentError, 'IPSET_ERR_INVALID_CIDR'],
    [-4108, 'ipset.rename', 'hash:ip', BusyError, 'IPSET_ERR_REFERENCED'],
    [-4352, 'ipset.add', 'hash:ip', SetFullError, 'IPSET_ERR_HASH_FULL'],
    [-4352, 'ipset.add', 'bitmap:port', InvalidArgumentError, 'IPSET_ERR_BITMAP_RANGE'],
    [-4352, 'ipset.add', 'list:set', NotFoundError, 'IPSET_ERR_NAME'],
    [-4353, 'ipset.add', 'hash:net,iface', InvalidArgumentError, 'IPSET_ERR_HASH_ELEM'],
    [-4353, 'ipset.create', 'bitmap:ip', InvalidArgumentError, 'IPSET_ERR_BITMAP_RANGE_SIZE'],
    [-4356, 'ipset.add', 'list:set', SetFullError, 'IPSET_ERR_LIST_FULL'],
    [1, 'ipset.add', 'hash:ip,mac', InvalidArgumentError, 'IPSET_ERR_PROTOCOL'],
    [1, 'ipset.add', 'hash:ip', ProtocolError, 'IPSET_CODE_1'],
    [-4099, 'ipset.create', 'hash:ip', NetlinkError, 'IPSET_ERR_MAX_SETS'],
    [-4105, 'ipset.create', 'hash:ip', InvalidArgumentError, 'IPSET_ERR_INVALID_NETMASK'],
    [-4106, 'ipset.create', 'hash:mac', InvalidArgumentError, 'IPSET_ERR_INVALID_FAMILY'],
    [-4107, 'ipset.add', 'list:set', InvalidArgumentError, 'IPSET_ERR_TIMEOUT'],
    [-4111, 'ipset.add', 'bitmap:ip', InvalidArgumentError, 'IPSET_ERR_COUNTER'],
    [-4112, 'ipset.add', 'hash:net', InvalidArgumentError, 'IPSET_ERR_COMMENT'],
    [-4114, 'ipset.add', 'hash:net', InvalidArgumentError, 'IPSET_ERR_SKBINFO'],
    [-4352, 'ipset.create', 'bitmap:ip', InvalidArgumentError, 'IPSET_ERR_BITMAP_RANGE'],
    [-4352, 'ipset.add', 'hash:net,iface', SetFullError, 'IPSET_ERR_HASH_FULL'],
    [-4353, 'ipset.add', 'list:set', InvalidArgumentError, 'IPSET_ERR_LOOP'],
    [-4354, 'ipset.add', 'hash:net,port', InvalidArgumentError, 'IPSET_ERR_INVALID_PROTO'],
    [-4354, 'ipset.add', 'list:set', InvalidArgumentError, 'IPSET_ERR_BEFORE'],
    [-4355, 'ipset.add', 'list:set', NotFoundError, 'IPSET_ERR_NAMEREF'],
    [-4357, 'ipset.add', 'hash:net', InvalidArgumentError, 'IPSET_ERR_HASH_RANGE'],
    [-4357, 'ipset.add', 'list:set', NotFoundError, 'IPSET_ERR_REF_EXIST'],
    [-4999, 'ipset.add', 'hash:ip', NetlinkError, 'IPSET_ERR_4999'],
    [-121, 'ipset.add', 'hash:ip', NetlinkError, 'ERRNO_121'],
  ] as const)('%i of %s on %s', (code, operation, type, Class, name) => {
    const err = ipsetError(code, on(operation, type));
    expect(err).toBeInstanceOf(Class);
    expect(err).toMatchObject({ code: name, errno: code, operation, target: 'set web' });
  });

  it('has a name and a meaning for every private code, per kind of set', () => {
    for (const code of Object.values(IpsetErr).filter((n) => n < IpsetErr.typeSpecific)) {
      const err = ipsetError(-code, on('ipset.add'));
      expect(err.code).toMatch(/^IPSET_ERR_[A-Z]/);
      expect(err.message).not.toMatch(/refused the request/);
    }
    const specific: Record<string, number[]> = {
      'bitmap:port': [4352, 4353],
      'hash:ip': [4352, 4353, 4354, 4355, 4356, 4357],
      'list:set': [4352, 4353, 4354, 4355, 4356, 4357],
    };
    for (const [type, codes] of Object.entries(specific)) {
      for (const code of codes)
        expect(ipsetError(-code, on('ipset.add', type)).code).toMatch(/^IPSET_ERR_[A-Z]/);
    }
  });

  it('comes with the remedy where there is one', () => {
    expect(ipsetError(-4098, on('ipset.create')).hint).toMatch(/modprobe ip_set_hash_ipport$/);
    expect(ipsetError(-4352, on('ipset.add')).hint).toMatch(/raise maxElements/);
    expect(ipsetError(-4100, on('ipset.destroy')).hint).toMatch(/rule/);
    expect(ipsetError(-1, on('ipset.add')).hint).toMatch(/CAP_NET_ADMIN/);
    expect(ipsetError(-4104, on('ipset.add')).hint).toMatch(/0\.0\.0\.0\/1/);
  });

  it('keeps position, number applied and what the kernel said', () => {
    const extack = { message: 'Attribute failed policy validation', offset: 24 };
    const err = ipsetError(-4103, { ...on('ipset.add'), position: 7, applied: 7, extack });
    expect(err).toMatchObject({ position: 7, applied: 7, extack });
    expect(err.message).toMatch(/the kernel says: Attribute failed/);
  });
});
