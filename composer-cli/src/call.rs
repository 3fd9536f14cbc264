//! A call as written on the command line: `interface#function(arguments)`.

use std::str::FromStr;

use wasm_runtime_composer::error::LookupError;
use wasm_runtime_composer::types::FunctionType;
use wasm_runtime_composer::{Composition, CompositionError, ExportFunc};
use wasm_wave::parser::ParserError;
use wasm_wave::untyped::UntypedValue;
use wasmtime::component::Val;

use crate::failure::Failure;
use crate::wave;

/// A function and its arguments, which are parsed later by the function's type.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    interface: Option<String>,
    function: String,
    /// A tuple of the arguments; `None` if there are none.
    arguments: Option<UntypedValue<'static>>,
}

impl FromStr for Call {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, _)) = text.split_once('(') else {
            return Err(format!("expected a function and its arguments, as in `{text}()`"));
        };
        let arguments = &text[name.len()..];
        let (interface, function) = match name.trim().split_once('#') {
            Some((interface, function)) => (Some(interface.to_owned()), function.to_owned()),
            None => (None, name.trim().to_owned()),
        };
        if function.is_empty() || interface.as_deref() == Some("") {
            return Err(format!("expected the name of a function before `{arguments}`"));
        }
        let inside = arguments.trim_end().strip_prefix('(').and_then(|it| it.strip_suffix(')'));
        let arguments = match inside {
            Some(inside) if inside.trim().is_empty() => None,
            _ => {
                let parsed = UntypedValue::parse(arguments).map_err(|error| {
                    let before = name.chars().count();
                    format!("the arguments are no WAVE: {}", Syntax(arguments, before, &error))
                })?;
                Some(parsed.into_owned())
            }
        };
        Ok(Self { interface, function, arguments })
    }
}

/// The text with a syntax error, the offset of the text in the whole call, and the error.
struct Syntax<'a>(&'a str, usize, &'a ParserError);

impl std::fmt::Display for Syntax<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(text, before, error) = self;
        let at = error.span().start;
        let column = before + text.char_indices().filter(|(index, _)| *index < at).count() + 1;
        match text.get(error.span()).filter(|found| !found.is_empty()) {
            Some(found) => write!(f, "{}, `{found}`, at character {column}", error.kind()),
            None => write!(f, "{} at character {column}", error.kind()),
        }
    }
}

/// A function that was found, with arguments of its types.
pub(crate) struct Ready {
    pub(crate) func: ExportFunc,
    pub(crate) arguments: Vec<Val>,
}

impl Call {
    /// A call of a function of an interface, without arguments.
    pub(crate) fn of(interface: &str, function: &str) -> Self {
        let (interface, function) = (Some(interface.to_owned()), function.to_owned());
        Self { interface, function, arguments: None }
    }

    /// Finds the function and parses the arguments by its type.
    pub(crate) fn ready(&self, composition: &Composition) -> Result<Ready, Failure> {
        let func = composition
            .get_func(self.interface.as_deref(), &self.function)
            .map_err(|error| self.not_found(error))?;
        let arguments = self.arguments(func.ty()).map_err(|error| {
            Failure::usage(error).with_help(format!("it is `{}: {}`", self.function, func.ty()))
        })?;
        Ok(Ready { func, arguments })
    }

    fn arguments(&self, ty: &FunctionType) -> Result<Vec<Val>, wave::Mismatch> {
        if let Some(found) = ty.result().and_then(wasm_runtime_composer::wave::unwritable) {
            return Err(wave::Mismatch::unwritable(&self.name(), "result", found));
        }
        wave::arguments(&self.name(), ty, self.arguments.as_ref())
    }

    /// The name of the export: the interface, or a function at the root.
    pub(crate) fn export(&self) -> &str {
        self.interface.as_deref().unwrap_or(&self.function)
    }

    fn name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.function),
            None => self.function.clone(),
        }
    }

    /// The library's error, with suggestions of calls that were probably meant.
    fn not_found(&self, error: CompositionError) -> Failure {
        let interfaces = match &error {
            CompositionError::Lookup(LookupError::NotExported { interfaces, .. }) => {
                interfaces.clone()
            }
            _ => Vec::new(),
        };
        interfaces.iter().fold(Failure::from(error), |failure, interface| {
            failure.with_help(format!("call `{interface}#{}(..)`", self.function))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Call, String> {
        text.parse()
    }

    #[test]
    fn call_is_interface_function_and_arguments() {
        let call = parse("acme:kv/store@1.0.0#get( \"a(b)#\" , [1, 2])").expect("it is one");
        assert_eq!(call.interface.as_deref(), Some("acme:kv/store@1.0.0"));
        assert_eq!(call.function, "get");
        let arguments = call.arguments.expect("there are two");
        assert_eq!(arguments.to_string(), "(\"a(b)#\", [1, 2])");
    }

    #[test]
    fn call_without_arguments_has_none() {
        for text in ["run()", "run( )", " run ()  "] {
            let call = parse(text).expect("it is one");
            assert!(call.arguments.is_none() && call.interface.is_none(), "{text}");
            assert_eq!(call.function, "run");
        }
    }

    #[test]
    fn what_is_no_call_is_told_with_its_place() {
        let errors = [
            ("run", "expected a function and its arguments, as in `run()`"),
            ("(1)", "expected the name of a function before `(1)`"),
            ("#run()", "expected the name of a function before `()`"),
            ("run(1", "the arguments are no WAVE: unexpected end of input at character 6"),
            ("run(1,,)", "the arguments are no WAVE: unexpected token, `,`, at character 7"),
            (
                "run(1) 2",
                "the arguments are no WAVE: trailing characters after value, `2`, at character 8",
            ),
        ];
        for (text, error) in errors {
            assert_eq!(parse(text).map(drop), Err(error.to_owned()), "{text}");
        }
    }
}
