/** Numbers of linux/rtnetlink.h, linux/if.h and linux/if_addr.h that this folder speaks. */

/** Message types. */
export const RTM = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
} as const;

/** Interface flag: administratively up. */
export const IFF_UP = 0x1;

/** Address flag: no duplicate address detection, so that an IPv6 address is usable at once. */
export const IFA_F_NODAD = 0x02;

/** Address scopes by their names in ip-address(8). */
export const SCOPES: ReadonlyMap<number, string> = new Map([
  [0, 'global'],
  [200, 'site'],
  [253, 'link'],
  [254, 'host'],
  [255, 'nowhere'],
]);

/** Scope of addresses that mean something on this machine only. */
export const SCOPE_HOST = 254;

/** IFNAMSIZ: longest interface name, with the NUL behind it. */
export const IFNAMSIZ = 16;
