/** What `exercise` resolves to when all is well. */
export declare const EXPECTED: string;
export declare function exercise(capstan: unknown, schema: unknown, url: string): Promise<string>;
