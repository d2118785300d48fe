//! `#[derive(Outputs)]`: a struct whose fields are the outputs of a function.

use crate::{
    arguments::{BindingArguments, Given},
    check::arguments::{Place, arguments},
    crate_path::crate_path,
    errors::Errors,
    expand::given,
    known, names,
    returned::{Kind, Output},
    signature::type_span,
};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Data, DeriveInput, Fields, Type, ext::IdentExt, spanned::Spanned};

/// A field.
struct Field {
    ident: Ident,
    /// Name of its binding, unless it is the return value.
    binding: String,
    output: Output,
    given: Vec<Given>,
}

/// The implementation for a struct.
pub(crate) fn outputs(item: TokenStream) -> TokenStream {
    let Ok(item) = syn::parse2::<DeriveInput>(item) else {
        // The compiler says what is wrong with it.
        return TokenStream::new();
    };
    let mut errors = Errors::default();
    let Some(mut fields) = fields(&item, &mut errors) else {
        return errors.into_compile_errors().unwrap_or_default();
    };
    check_names(&fields, &mut errors);
    for field in &fields {
        check(field, &mut errors);
    }
    let errors = errors.into_compile_errors();
    if errors.is_some() {
        // Without what is wrong the struct can still be returned, and nothing is reported twice.
        fields.iter_mut().for_each(|field| field.given.clear());
        fields.retain(|field| field.output.kind != Kind::Data);
    }
    let rules = errors.is_none().then(|| rules(&fields));
    let implementation = implementation(&item.ident, &fields);
    let az = crate_path();
    quote! {
        #errors

        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, clippy::restriction, clippy::nursery, deprecated, unused_qualifications)]
        const _: () = {
            use #az::__private as __az;
            #implementation
            #rules
        };
    }
}

/// None if it is no struct that can have outputs.
fn fields(item: &DeriveInput, errors: &mut Errors) -> Option<Vec<Field>> {
    if !item.generics.params.is_empty() {
        errors.at(
            &item.generics,
            "a struct of outputs cannot be generic: the host knows one set of bindings; write the types (and no lifetimes)",
        );
        return None;
    }
    for attribute in &item.attrs {
        if known::is_binding_attribute(attribute.path()) {
            errors.at(
                attribute,
                "each output has its own arguments: put `#[binding(...)]` before the field",
            );
        }
    }
    let fields = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            Fields::Unnamed(_) => {
                errors.at(
                    &item.ident,
                    "the outputs of a struct are named like its fields: give the fields names, or return a tuple",
                );
                return None;
            }
            _ => {
                errors.at(&item.ident, "the outputs of a struct are its fields: it has none");
                return None;
            }
        },
        _ => {
            errors.at(
                &item.ident,
                "the outputs of a function are the fields of a struct: for one that is not always sent, take a field of \
                 type `Option<...>`",
            );
            return None;
        }
    };
    Some(fields.iter().filter_map(|field| self::field(field, errors)).collect())
}

fn field(field: &syn::Field, errors: &mut Errors) -> Option<Field> {
    let ident = field.ident.clone()?;
    let mut attributes = field
        .attrs
        .iter()
        .filter(|attribute| known::is_binding_attribute(attribute.path()))
        .map(|attribute| BindingArguments::read(attribute, errors))
        .collect::<Vec<_>>()
        .into_iter();
    let first = attributes.next();
    for surplus in attributes {
        errors.at(
            surplus.attribute,
            "a field has one `#[binding(...)]`: put all arguments into the first",
        );
    }
    if let Some((_, span)) = first.as_ref().and_then(|arguments| arguments.name.as_ref()) {
        errors.span(
            *span,
            "before a field, `#[binding(...)]` needs no `name`: the binding is named like the field",
        );
    }
    Some(Field {
        binding: names::binding_name(&ident.unraw().to_string()),
        ident,
        output: Output::read(&field.ty),
        given: first.map_or_else(Vec::new, |arguments| arguments.given),
    })
}

impl Field {
    fn ty(&self) -> &Type {
        &self.output.ty
    }

    /// Whether the host knows it as the return value, as far as names tell.
    fn is_return_value(&self) -> bool {
        matches!(self.output.kind, Kind::Http | Kind::Activity)
    }
}

fn check_names(fields: &[Field], errors: &mut Errors) {
    for (index, field) in fields.iter().enumerate() {
        let before = &fields[..index];
        if field.is_return_value() {
            if let Some(other) = before.iter().find(|other| other.is_return_value()) {
                errors.at(
                    field.ty(),
                    format!(
                        "a function has one return value, and `{}` is it: remove one of the two",
                        other.ident
                    ),
                );
            }
            continue;
        }
        if let Some(reason) = names::wrong_binding_name(&field.binding) {
            errors.at(
                &field.ident,
                format!(
                    "the host cannot take `{}` for the name of a binding: {reason}; rename the field",
                    field.binding
                ),
            );
        }
        // The host compares names without case.
        let same = before
            .iter()
            .find(|other| !other.is_return_value() && other.binding.eq_ignore_ascii_case(&field.binding));
        if let Some(other) = same {
            errors.at(
                &field.ident,
                format!(
                    "`{}` and `{}` both name the binding `{}`: rename one of them",
                    field.ident, other.ident, field.binding
                ),
            );
        }
    }
}

fn check(field: &Field, errors: &mut Errors) {
    match field.output.kind {
        Kind::Orchestration => errors.at(
            field.ty(),
            "an orchestration has one output: return `OrchestrationOutput` itself, without a struct",
        ),
        Kind::Entity => errors.at(
            field.ty(),
            "an entity has one output: return `EntityOutput` itself, without a struct",
        ),
        Kind::Data => errors.at(
            field.ty(),
            format!(
                "this is no output: the fields are `HttpResponse`, `QueueMessage<T>` and so on; the result of an activity is a field of \
                 type `ActivityOutput<T>`{}",
                known::hint_for_own(field.ty())
            ),
        ),
        Kind::Http | Kind::Activity | Kind::Nothing => {
            if let Some(given) = field.given.first() {
                errors.at(
                    &given.key,
                    format!(
                        "this output has no binding, so there is nothing to give arguments to: remove this{}",
                        known::hint_for_own(field.ty())
                    ),
                );
            }
        }
        Kind::Unknown => {
            if let Some((binding, name)) = field.output.binding {
                arguments(&field.given, binding, name, field.ty(), Place::Field, errors);
            }
        }
    }
}

/// The constant that holds the arguments of a field.
fn constant(index: usize) -> Ident {
    format_ident!("__AZ_FIELD_{index}", span = Span::mixed_site())
}

/// The rules that only types can tell, each in a constant at the tokens that it is about.
fn rules(fields: &[Field]) -> TokenStream {
    let mut rules = TokenStream::new();
    for (index, field) in fields.iter().enumerate() {
        let (ty, arguments) = (field.ty(), constant(index));
        let span = type_span(ty);
        let spec = quote_spanned!(span=> &<#ty as __az::IntoBinding>::SPEC);
        let is_result = field.output.kind == Kind::Activity;
        rules.extend(quote_spanned! {span=>
            const _: () = __az::rules::field(#spec, #arguments, #is_result);
            const _: () = __az::rules::required(#spec, #arguments);
        });
        for (at, given) in field.given.iter().enumerate() {
            let (name, at) = (given.key.to_string(), Literal::usize_unsuffixed(at));
            rules.extend(quote_spanned!(given.key.span()=> const _: () = __az::rules::argument_name(#spec, #name);));
            rules.extend(quote_spanned! {given.span=>
                const _: () = __az::rules::argument_value(#spec, &#arguments[#at]);
            });
        }
    }
    rules
}

fn implementation(ident: &Ident, fields: &[Field]) -> TokenStream {
    let constants = fields.iter().enumerate().map(|(index, field)| {
        let name = constant(index);
        let given = field.given.iter().map(given);
        quote!(const #name: &[__az::Given] = &[#(#given),*];)
    });
    let declared = fields.iter().enumerate().map(|(index, field)| {
        let (ty, binding, arguments) = (field.ty(), &field.binding, constant(index));
        quote_spanned! {type_span(ty)=>
            __az::DeclaredOutput::in_field(#binding, <#ty as __az::IntoBinding>::SPEC, #arguments)
        }
    });
    let puts = fields.iter().enumerate().map(|(index, field)| {
        let span = type_span(field.ty());
        let index = Literal::usize_unsuffixed(index);
        // At the type, so that one that is no output is reported once.
        let mut ident = field.ident.clone();
        ident.set_span(ident.span().located_at(span));
        quote_spanned! {span=>
            outputs.put(
                <Self as __az::FunctionReturn>::OUTPUTS[#index].name,
                __az::IntoBinding::into_binding(self.#ident),
                exchange,
            )?;
        }
    });
    let of_activity = of_activity(ident, fields);
    quote! {
        #(#constants)*

        impl __az::FunctionReturn for #ident {
            const OUTPUTS: &'static [__az::DeclaredOutput] = &[#(#declared),*];

            fn into_outputs(
                self,
                exchange: &__az::Exchange,
            ) -> ::core::result::Result<__az::Outputs, __az::FunctionError> {
                let mut outputs = <__az::Outputs as ::core::default::Default>::default();
                #(#puts)*
                ::core::result::Result::Ok(outputs)
            }
        }

        #of_activity
    }
}

/// What an activity asks of what it returns.
fn of_activity(ident: &Ident, fields: &[Field]) -> TokenStream {
    if fields.iter().any(|field| field.output.kind == Kind::Http) {
        return TokenStream::new();
    }
    let result = fields.iter().find(|field| field.output.kind == Kind::Activity);
    let output = match result.map(Field::ty) {
        Some(ty) => quote_spanned!(ty.span()=> <#ty as __az::TypedReturn>::Output),
        None => quote!(()),
    };
    quote! {
        impl __az::TypedReturn for #ident {
            type Itself = Self;
            type Output = #output;
            type Error = ::core::convert::Infallible;
        }

        impl __az::Travels for #ident {}

        impl __az::PlainValue<__az::OfActivity> for #ident {
            type Output = Self;

            fn wrap(self) -> Self {
                self
            }
        }
    }
}
