// What avsc needs of Node's `util` where that is not.

export function inherits(constructor, parent) {
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

export function format(text, ...values) {
  return text.replace(/%[sdj]/g, () => String(values.shift()));
}

export function inspect(value) {
  return String(value);
}

export function deprecate(fn) {
  return fn;
}

export function debuglog() {
  return () => undefined;
}

export default { inherits, format, inspect, deprecate, debuglog };
