/** What the server tells of one upload. */
export interface ServerUpload {
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly received: number;
  readonly state: "receiving" | "done" | "partial";
  readonly sha256: string | null;
  readonly reason: string | null;
}

/** The latest uploads of anyone, oldest first. */
export async function serverUploads(): Promise<readonly ServerUpload[]> {
  return (await asked(await fetch("/uploads"))).json() as Promise<ServerUpload[]>;
}

/** How fast the server takes each upload; `undefined` is as fast as it can. */
export async function serverPace(): Promise<number | undefined> {
  return paceOf(await asked(await fetch("/pace")));
}

export async function setServerPace(bytesPerSecond: number | undefined): Promise<number | undefined> {
  const query = bytesPerSecond === undefined ? "" : `?bytes_per_second=${Math.round(bytesPerSecond)}`;
  return paceOf(await asked(await fetch(`/pace${query}`, { method: "POST" })));
}

/** The file that the server was started with, for sending it back. */
export async function demoFile(): Promise<File> {
  const response = await asked(await fetch("/demo-file"));
  const name = decodeURIComponent(response.headers.get("x-file-name") ?? "demo-file");
  return new File([await response.blob()], name);
}

async function paceOf(response: Response): Promise<number | undefined> {
  const { bytesPerSecond } = (await response.json()) as { bytesPerSecond: number | null };
  return bytesPerSecond ?? undefined;
}

async function asked(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw new Error(`The server answered ${response.status} to ${response.url}: ${(await response.text()).trim()}`);
}
