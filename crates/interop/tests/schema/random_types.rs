//! Random but valid files: generic structs nested in each other, interfaces with generic methods,
//! types made of all of them, and constants, defaults and annotations with values of any type.

use std::fmt::Write as _;

pub struct Files {
    state: u64,
    structs: Vec<Generic>,
    interfaces: Vec<Generic>,
    /// Structs that values are made of.
    records: Vec<Record>,
    annotations: Vec<Type>,
    out: String,
}

/// A declaration with type parameters, some of them of the declaration around it.
#[derive(Clone)]
struct Generic {
    name: String,
    params: usize,
    inner: Option<(String, usize)>,
}

#[derive(Clone)]
struct Record {
    fields: Vec<(String, Type)>,
    /// Fields of the unnamed union, of which a value sets one.
    union: Vec<(String, Type)>,
}

/// A type that has values.
#[derive(Clone)]
enum Type {
    Scalar(&'static str),
    Enum,
    List(Box<Type>),
    Record(usize),
}

const SCALARS: [&str; 14] = [
    "Void", "Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
    "Float32", "Float64", "Text", "Data",
];

impl Files {
    pub fn new(seed: u64) -> Self {
        Files {
            state: seed,
            structs: Vec::new(),
            interfaces: Vec::new(),
            records: Vec::new(),
            annotations: Vec::new(),
            out: String::new(),
        }
    }

    /// The text of a file with `count` structs and about as much of everything else.
    pub fn write(mut self, count: usize) -> String {
        self.out
            .push_str("@0xa1b2c3d4e5f60009;\nenum E { e0 @0; e1 @2; e2 @1; }\n");
        for index in 0..count {
            let inner = (self.below(2) == 0).then(|| (format!("N{index}"), self.below(3)));
            let params = self.below(3);
            self.structs.push(Generic {
                name: format!("G{index}"),
                params,
                inner,
            });
        }
        for index in 0..count / 3 {
            let params = self.below(2);
            self.interfaces.push(Generic {
                name: format!("I{index}"),
                params,
                inner: None,
            });
        }
        for index in 0..count / 2 {
            self.record(index);
        }
        for index in 0..count / 4 {
            let ty = self.value_type(2);
            let name = self.type_name(&ty);
            writeln!(self.out, "annotation a{index}(*) :{name};").unwrap();
            self.annotations.push(ty);
        }
        for index in 0..count {
            let ty = self.value_type(3);
            let (name, value) = (self.type_name(&ty), self.value(&ty, 3));
            let used = self.annotation();
            writeln!(self.out, "const c{index} :{name} = {value}{used};").unwrap();
        }
        for index in 0..self.structs.len() {
            self.generic_struct(index);
        }
        for index in 0..self.interfaces.len() {
            self.interface(index);
        }
        self.out
    }

    fn record(&mut self, index: usize) {
        let mut record = Record {
            fields: Vec::new(),
            union: Vec::new(),
        };
        writeln!(self.out, "struct R{index} {{").unwrap();
        let (plain, united) = (1 + self.below(6), self.below(4));
        let mut number = 0;
        for field in 0..plain {
            let ty = self.value_type(2);
            self.record_field(&format!("f{field}"), number, &ty);
            record.fields.push((format!("f{field}"), ty));
            number += 1;
        }
        if united >= 2 {
            self.out.push_str("union {\n");
            for field in 0..united {
                let ty = self.value_type(2);
                self.record_field(&format!("u{field}"), number, &ty);
                record.union.push((format!("u{field}"), ty));
                number += 1;
            }
            self.out.push_str("}\n");
        }
        self.out.push_str("}\n");
        self.records.push(record);
    }

    fn record_field(&mut self, name: &str, number: usize, ty: &Type) {
        let written = self.type_name(ty);
        let default = match self.below(3) {
            0 => format!(" = {}", self.value(ty, 2)),
            _ => String::new(),
        };
        writeln!(self.out, "{name} @{number} :{written}{default};").unwrap();
    }

    /// A type whose values can be written down.
    fn value_type(&mut self, depth: usize) -> Type {
        match self.below(8) {
            0 if depth > 0 => Type::List(Box::new(self.value_type(depth - 1))),
            1 | 2 if !self.records.is_empty() => Type::Record(self.below(self.records.len())),
            3 => Type::Enum,
            _ => Type::Scalar(SCALARS[self.below(SCALARS.len())]),
        }
    }

    fn type_name(&self, ty: &Type) -> String {
        match ty {
            Type::Scalar(name) => (*name).to_owned(),
            Type::Enum => "E".to_owned(),
            Type::List(element) => format!("List({})", self.type_name(element)),
            Type::Record(index) => format!("R{index}"),
        }
    }

    fn value(&mut self, ty: &Type, depth: usize) -> String {
        match ty {
            Type::Scalar("Void") => "void".to_owned(),
            Type::Scalar("Bool") => ["true", "false"][self.below(2)].to_owned(),
            Type::Scalar("Int8") => format!("{}", self.below(256) as i64 - 128),
            Type::Scalar("UInt8") => format!("{:#x}", self.below(256)),
            Type::Scalar("Int16" | "Int32" | "Int64") => format!("-{}", self.below(32_768)),
            Type::Scalar("UInt16") => format!("0{:o}", self.below(65_536)),
            Type::Scalar("UInt32" | "UInt64") => format!("{}", self.below(1 << 31)),
            Type::Scalar("Float32" | "Float64") => match self.below(4) {
                0 => "inf".to_owned(),
                1 => "-inf".to_owned(),
                2 => format!("-{}", self.below(1000)),
                _ => format!(
                    "{}.{}e-{}",
                    self.below(100),
                    self.below(100),
                    self.below(20)
                ),
            },
            Type::Scalar("Data") => match self.below(2) {
                0 => format!("0x\"{:02x} {:02X}\"", self.below(256), self.below(256)),
                _ => format!("\"\\x{:02x}\"", self.below(256)),
            },
            Type::Scalar(_) => {
                ["\"\"", "\"text\"", "\"a\\tb\" \"c\"", "\"ü\\\"\\0\""][self.below(4)].to_owned()
            }
            Type::Enum => format!("e{}", self.below(3)),
            Type::List(element) => {
                let count = if depth == 0 { 0 } else { self.below(4) };
                let items: Vec<String> =
                    (0..count).map(|_| self.value(element, depth - 1)).collect();
                format!("[{}]", items.join(", "))
            }
            Type::Record(index) => {
                let mut record = self.records[*index].clone();
                record.fields.retain(|_| depth > 0 && self.below(2) == 0);
                if depth > 0 && !record.union.is_empty() {
                    let chosen = self.below(record.union.len());
                    record.fields.push(record.union.swap_remove(chosen));
                }
                let set = record.fields.iter();
                let set: Vec<String> = set
                    .map(|(name, ty)| format!("{name} = {}", self.value(ty, depth - 1)))
                    .collect();
                format!("({})", set.join(", "))
            }
        }
    }

    /// Now and then the use of an annotation.
    fn annotation(&mut self) -> String {
        if self.annotations.is_empty() || self.below(3) > 0 {
            return String::new();
        }
        let index = self.below(self.annotations.len());
        let ty = self.annotations[index].clone();
        match &ty {
            Type::Scalar("Void") => format!(" $a{index}"),
            _ => format!(" $a{index}({})", self.value(&ty, 2)),
        }
    }

    fn generic_struct(&mut self, index: usize) {
        let generic = self.structs[index].clone();
        let outer = params("P", generic.params);
        let used = self.annotation();
        writeln!(
            self.out,
            "struct {}{}{used} {{",
            generic.name,
            listed(&outer)
        )
        .unwrap();
        self.fields(&outer, index);
        if let Some((name, count)) = &generic.inner {
            let own = params("Q", *count);
            writeln!(self.out, "struct {name}{} {{", listed(&own)).unwrap();
            self.fields(&[outer.clone(), own].concat(), index);
            self.out.push_str("}\n");
        }
        self.out.push_str("}\n");
    }

    fn fields(&mut self, known: &[String], inside: usize) {
        for number in 0..1 + self.below(6) {
            let ty = self.any_type(known, Some(inside), 3);
            let used = self.annotation();
            writeln!(self.out, "f{number} @{number} :{ty}{used};").unwrap();
        }
    }

    fn interface(&mut self, index: usize) {
        let generic = self.interfaces[index].clone();
        let known = params("P", generic.params);
        let used = self.annotation();
        let mut extended = Vec::new();
        for earlier in 0..index {
            if self.below(4) == 0 {
                let earlier = self.interfaces[earlier].clone();
                let arguments = self.arguments(earlier.params, &known, None, 2);
                extended.push(format!("{}{arguments}", earlier.name));
            }
        }
        let extends = match extended.len() {
            0 => String::new(),
            _ => format!(" extends({})", extended.join(", ")),
        };
        let head = format!("interface {}{}", generic.name, listed(&known));
        writeln!(self.out, "{head}{extends}{used} {{").unwrap();
        for number in 0..self.below(5) {
            let own = params("M", self.below(3));
            let brackets = match own.len() {
                0 => String::new(),
                _ => format!(" [{}]", own.join(", ")),
            };
            let known = [known.clone(), own].concat();
            let results = match self.below(5) {
                0 => String::new(),
                1 => " -> stream".to_owned(),
                _ => format!(" -> {}", self.method_list(&known)),
            };
            let params = self.method_list(&known);
            let used = self.annotation();
            writeln!(
                self.out,
                "m{number} @{number}{brackets} {params}{results}{used};"
            )
            .unwrap();
        }
        self.out.push_str("}\n");
    }

    fn method_list(&mut self, known: &[String]) -> String {
        if self.below(4) == 0 {
            return self.struct_type(known, None, 2);
        }
        let count = self.below(4);
        let listed: Vec<String> = (0..count)
            .map(|index| {
                if self.below(4) == 0 {
                    let ty = self.value_type(1);
                    let (name, value) = (self.type_name(&ty), self.value(&ty, 1));
                    return format!("p{index} :{name} = {value}");
                }
                let (ty, used) = (self.any_type(known, None, 2), self.annotation());
                format!("p{index} :{ty}{used}")
            })
            .collect();
        format!("({})", listed.join(", "))
    }

    /// A type as seen where the parameters `known` are, perhaps in the struct `inside`.
    fn any_type(&mut self, known: &[String], inside: Option<usize>, depth: usize) -> String {
        match self.below(7) {
            0 => SCALARS[self.below(SCALARS.len())].to_owned(),
            1 => "E".to_owned(),
            2 => ["AnyStruct", "AnyList", "Capability"][self.below(3)].to_owned(),
            _ => self.pointer_type(known, inside, depth),
        }
    }

    /// A type that a type parameter can stand for; the reference does not let `AnyList` and its
    /// like be one.
    fn pointer_type(&mut self, known: &[String], inside: Option<usize>, depth: usize) -> String {
        match self.below(if depth == 0 { 4 } else { 9 }) {
            0 => "Text".to_owned(),
            1 => "AnyPointer".to_owned(),
            2 => "Data".to_owned(),
            3 if !known.is_empty() => known[self.below(known.len())].clone(),
            4 => format!("List({})", self.element_type(known, inside, depth - 1)),
            5 if !self.interfaces.is_empty() => {
                let index = self.below(self.interfaces.len());
                let found = self.interfaces[index].clone();
                let arguments = self.arguments(found.params, known, inside, depth - 1);
                format!("{}{arguments}", found.name)
            }
            6 | 7 if depth > 0 => self.struct_type(known, inside, depth - 1),
            _ => "Data".to_owned(),
        }
    }

    /// Lists of untyped pointers are not supported.
    fn element_type(&mut self, known: &[String], inside: Option<usize>, depth: usize) -> String {
        match self.below(4) {
            0 => self.struct_type(known, inside, depth),
            1 if depth > 0 => format!("List({})", self.element_type(known, inside, depth - 1)),
            2 => ["E", "AnyList", "Capability"][self.below(3)].to_owned(),
            _ => SCALARS[self.below(SCALARS.len())].to_owned(),
        }
    }

    fn struct_type(&mut self, known: &[String], inside: Option<usize>, depth: usize) -> String {
        let index = self.below(self.structs.len());
        let found = self.structs[index].clone();
        let Some((inner, count)) = &found.inner else {
            let arguments = self.arguments(found.params, known, inside, depth);
            return format!("{}{arguments}", found.name);
        };
        let outer = match self.below(3) {
            0 => {
                let arguments = self.arguments(found.params, known, inside, depth);
                return format!("{}{arguments}", found.name);
            }
            // From inside, the parameters around it need not be named.
            1 if inside == Some(index) => String::new(),
            _ => {
                let arguments = self.arguments(found.params, known, inside, depth);
                format!("{}{arguments}.", found.name)
            }
        };
        let arguments = self.arguments(*count, known, inside, depth);
        format!("{outer}{inner}{arguments}")
    }

    /// What the type parameters stand for, or nothing, which leaves them open.
    fn arguments(
        &mut self,
        count: usize,
        known: &[String],
        inside: Option<usize>,
        depth: usize,
    ) -> String {
        if count == 0 || depth == 0 || self.below(4) == 0 {
            return String::new();
        }
        let bound: Vec<String> = (0..count)
            .map(|_| self.pointer_type(known, inside, depth - 1))
            .collect();
        format!("({})", bound.join(", "))
    }

    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let mixed = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).unwrap() % limit
    }
}

fn params(letter: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{letter}{index}")).collect()
}

fn listed(params: &[String]) -> String {
    match params.len() {
        0 => String::new(),
        _ => format!("({})", params.join(", ")),
    }
}
