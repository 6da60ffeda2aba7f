/**
 * Which web pages may connect, by their origin. Browsers let every page open WebSockets to every address, with the user's cookies and
 * from within the user's network, and say in the header `Origin` whose page it is. Clients that are no browsers send
 * none, or what they like: this keeps out pages, not programs.
 *
 * - `"same-host"`: pages that come from the host that they connect to, whatever the port. All names of the own machine, such as
 *   `localhost` and `127.0.0.1`, are one host. The host is the one of the header `Host`, which proxies have to pass on.
 * - `"any"`: all pages. For what is public, or asks everybody for a password or token.
 * - A list of origins, each a scheme, a host and, unless it is the usual one, a port: `["https://app.example.com"]`. `"null"` is the
 *   origin of what was opened from a file.
 */
export type Origins = "same-host" | "any" | readonly string[];

const HOW = "the server's option `origins` says whose may";

/** Why a page may not connect, in words for whoever sees the refusal; undefined when it may. */
export function originRefusal(origins: Origins, origin: string | undefined, host: string | undefined): string | undefined {
  if (origin === undefined || origins === "any") return undefined;
  const refusal = (why: string): string => `Pages of ${origin} may not connect to this server; ${why}.`;
  if (origins === "same-host") {
    return isOwn(origin, host) ? undefined : refusal(`${HOW}. Without, only pages of its own host may, and it was asked for ${host ?? "no host"}`);
  }
  return origins.some((allowed) => plain(allowed) === plain(origin)) ? undefined : refusal(HOW);
}

/** Throws for what can only be a mistake. */
export function checkOrigins(origins: Origins): Origins {
  if (origins === "same-host" || origins === "any") return origins;
  if (Array.isArray(origins) && origins.every((origin) => typeof origin === "string" && (origin === "null" || origin.includes("://")))) return origins;
  throw new TypeError(
    `origins: expected "same-host", "any", or a list such as ["https://app.example.com"], got ${JSON.stringify(origins)}`,
  );
}

/** Browsers write origins in lower case and leave out what is usual; people who configure them may not. */
function plain(origin: string): string {
  const lower = origin.toLowerCase().replace(/\/$/, "");
  if (lower.startsWith("https://")) return lower.replace(/:443$/, "");
  return lower.startsWith("http://") ? lower.replace(/:80$/, "") : lower;
}

function isOwn(origin: string, host: string | undefined): boolean {
  // Extensions and apps have schemes of their own, and names of their own behind them.
  const page = /^https?:\/\/(.*)$/i.exec(origin)?.[1];
  if (page === undefined || host === undefined) return false;
  const [from, to] = [nameOf(page), nameOf(host)];
  return from === to || (isThisMachine(from) && isThisMachine(to));
}

/** Without the port. */
function nameOf(authority: string): string {
  return authority.toLowerCase().replace(/:\d*$/, "");
}

function isThisMachine(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name);
}
