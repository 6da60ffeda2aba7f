import * as glue from "../../wasm/capstan_web.js";
import { Dedicated } from "../capstan/sinks.capnp.js";
import { ClientBase, give, makeClient, theClient } from "../client.js";
import { addressOf, connect } from "../connect.js";
import { Connection } from "../connection.js";
import { CapnpError } from "../errors.js";
import { release } from "../release.js";
import type { InterfaceDescriptor } from "../seam/descriptor.js";
import type { Client } from "../types.js";

export const PARENT_CLOSED = "the connection was closed that this dedicated one belongs to";

/** An object, by whatever way; `close` when it is not needed any more. */
export interface Reached<C> {
  readonly client: C;
  close(): void;
}

/** The object of a client that came over `parent`, by a connection of its own. */
export async function reach<C extends object>(parent: Connection | undefined, client: C): Promise<Reached<C>> {
  if (parent === undefined) return { client, close() {} };
  const { wire, token, carried } = await open(parent, client as unknown as Client);
  if (carried !== undefined) release(carried);
  const { given } = await join(wire, { token });
  return {
    client: recast({ $: ClientBase.type(theClient(client, "reach")) } as InterfaceDescriptor<C>, given),
    close: () => void wire.close("the stream is over"),
  };
}

/**
 * Makes a capability of this side's for the other one, who gets it when it is passed over `parent`, and reaches it by a connection of its
 * own, which closes when it is released there.
 */
export async function carry<C extends object>(
  parent: Connection,
  type: InterfaceDescriptor<C>,
  make: (onReleased: () => void) => C,
): Promise<C> {
  const { wire, token, carried } = await open(parent, undefined);
  const made = make(() => void wire.close("the stream is over"));
  try {
    await join(wire, { token, carried: made as unknown as Client });
  } catch (error) {
    release(made);
    throw error;
  }
  return give(recast(type, carried));
}

interface Opening {
  /** The new connection. */
  readonly wire: Connection;
  readonly token: Uint8Array;
  readonly carried: Client | undefined;
}

async function open(parent: Connection, given: Client | undefined): Promise<Opening> {
  if (!(parent instanceof Connection)) throw new TypeError("dedicated: expected a connection, as connect() makes them");
  const address = addressOf(parent);
  if (address === undefined) {
    throw new CapnpError("unimplemented", "dedicated connections are for those that connect(url) has made, and this one is another's");
  }
  const door = doorOf(parent);
  const { token, carried } = await explained(door.open({ given })).finally(() => release(door));
  const wire = await connect(address.url, { ...address.options, bootstrap: undefined, signal: undefined });
  void wire.closed.then(onClosed(parent, () => void wire.close(PARENT_CLOSED)));
  return { wire, token, carried };
}

const watched = /* @__PURE__ */ new WeakMap<Connection, Set<() => void>>();

/** Calls `then` when the connection is over, until what this hands back is called: a connection outlives many streams. */
export function onClosed(connection: Connection, then: () => void): () => void {
  let known = watched.get(connection);
  if (known === undefined) {
    const all = new Set<() => void>();
    void connection.closed.then(() => all.forEach((each) => each()));
    watched.set(connection, (known = all));
  }
  const all = known.add(then);
  return () => void all.delete(then);
}

async function join(wire: Connection, params: { token: Uint8Array; carried?: Client }): Promise<{ given: Client | undefined }> {
  const door = doorOf(wire);
  try {
    return await explained(door.join(params));
  } catch (error) {
    void wire.close("it is of no use");
    throw error;
  } finally {
    release(door);
  }
}

function doorOf(connection: Connection): Dedicated {
  return makeClient(Dedicated, glue.dedicated(Connection.id(connection)));
}

/** The same capability as of another interface; takes the client over. */
function recast<C>(type: InterfaceDescriptor<C>, client: Client | undefined): C {
  const cap = ClientBase.cap(theClient(client, "dedicated"));
  glue.retain_cap(cap);
  release(client as Client);
  return makeClient(type, cap);
}

async function explained<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof CapnpError)) throw error;
    const advice =
      error.kind === "unimplemented" ? "; the server does not offer them, and a stream without one goes by the connection that there is" : "";
    throw new CapnpError(error.kind, `no dedicated connection: ${error.reason}${advice}`, { cause: error });
  }
}
