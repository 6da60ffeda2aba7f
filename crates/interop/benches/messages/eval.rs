// Included once for each library: `api` and `eval_capnp` are in scope.

use eval_capnp::{Operation, outcome, term};

pub struct Eval;

const OPERATIONS: [Operation; 5] = [
    Operation::Add,
    Operation::Subtract,
    Operation::Multiply,
    Operation::Divide,
    Operation::Modulus,
];

impl super::Case for Eval {
    type Request = term::Owned;
    type Response = outcome::Owned;
    type Expected = i32;

    fn fill(random: &mut Random, request: term::Builder<'_>) -> i32 {
        fill_term(random, request, 0)
    }

    fn answer(request: term::Reader<'_>, mut response: outcome::Builder<'_>) -> api::Result<()> {
        response.set_value(evaluate(request)?);
        Ok(())
    }

    fn check(response: outcome::Reader<'_>, expected: &i32) -> api::Result<bool> {
        Ok(response.get_value() == *expected)
    }
}

fn fill_term(random: &mut Random, mut term: term::Builder<'_>, depth: u32) -> i32 {
    let operation = OPERATIONS[random.below(5) as usize];
    term.set_operation(operation);
    let left = if random.below(8) < depth {
        let value = random.below(128) as i32 + 1;
        term.reborrow().get_left().set_value(value);
        value
    } else {
        fill_term(random, term.reborrow().get_left().init_term(), depth + 1)
    };
    let right = if random.below(8) < depth {
        let value = random.below(128) as i32 + 1;
        term.reborrow().get_right().set_value(value);
        value
    } else {
        fill_term(random, term.reborrow().get_right().init_term(), depth + 1)
    };
    apply(operation, left, right)
}

fn evaluate(term: term::Reader<'_>) -> api::Result<i32> {
    let left = match term.get_left().which()? {
        term::left::Which::Value(value) => value,
        term::left::Which::Term(inner) => evaluate(inner?)?,
    };
    let right = match term.get_right().which()? {
        term::right::Which::Value(value) => value,
        term::right::Which::Term(inner) => evaluate(inner?)?,
    };
    Ok(apply(term.get_operation()?, left, right))
}

fn apply(operation: Operation, left: i32, right: i32) -> i32 {
    match operation {
        Operation::Add => left.wrapping_add(right),
        Operation::Subtract => left.wrapping_sub(right),
        Operation::Multiply => left.wrapping_mul(right),
        Operation::Divide => left.checked_div(right).unwrap_or(i32::MAX),
        Operation::Modulus => left.checked_rem(right).unwrap_or(i32::MAX),
    }
}
