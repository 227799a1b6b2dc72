/** What a parser of a short text gives: the value, or what is wrong with the text. */
export type Parsed<T> = { readonly value: T } | { readonly message: string };
