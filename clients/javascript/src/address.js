// Where a server is: one address, to which those of its stream and of its REST API are relative.

/** The address of a server as others are relative to it: with its last slash, and without its API's path. */
export function addressOf(url) {
  const address = new URL(url, globalThis.document?.baseURI);
  address.protocol = { "ws:": "http:", "wss:": "https:" }[address.protocol] ?? address.protocol;
  address.pathname = `${address.pathname.replace(/\/v1(\/stream)?\/?$/, "").replace(/\/+$/, "")}/`;
  address.search = address.hash = "";
  return address;
}
