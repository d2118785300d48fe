//! What can be seen in the body of an orchestration and is not the same in every replay, or is lost with the process.
//!
//! Every path and macro of the body is held against the table in `rules`, also inside closures, blocks, and, as far as they
//! can be read, macros. What a body hides in other functions is refused at run time, where it matters.

mod allowance;
mod path;
mod rules;
mod scope;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use allowance::{Allowance, NAME as ALLOWANCE};

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::ToTokens;
use rules::Rule;
use scope::Scopes;
use std::mem::take;
use syn::{
    Arm, Attribute, Block, Expr, ExprMethodCall, ExprPath, FieldValue, ItemFn, ItemMod, Macro, Stmt,
    visit_mut::{self, VisitMut},
};
use tokens::Found;

/// Takes the permissions out of a function, and refuses in its body what an orchestration cannot do: `context` is the name
/// of the orchestration's context, or `None` for other functions, which may do everything. `argument` is the permission in
/// `#[func(...)]`.
pub(crate) fn check(function: &mut ItemFn, context: Option<&str>, argument: Option<Allowance>, errors: &mut Errors) {
    let mut allowances: Vec<_> = argument.into_iter().collect();
    allowances.extend(Allowance::take(&mut function.attrs, errors));
    let mut walk = Walk {
        context,
        scopes: Scopes::default(),
        allowances,
        at_start_of_statement: false,
        errors,
    };
    walk.visit_block_mut(&mut function.block);
    walk.close(0);
}

struct Walk<'a> {
    context: Option<&'a str>,
    scopes: Scopes,
    /// Those around the place, the innermost last.
    allowances: Vec<Allowance>,
    /// Whether the next expression begins a statement, so that its attributes are those of the statement: in
    /// `#[attribute] a = b;` syn gives them to `a`.
    at_start_of_statement: bool,
    errors: &'a mut Errors,
}

impl Walk<'_> {
    /// Looks at a path: `mark` is `!` after the name of a macro.
    fn path(&mut self, names: Vec<String>, mark: &str, written: impl ToTokens) {
        let as_written = names.join("::");
        let Some(resolved) = self.scopes.resolve(names) else {
            return;
        };
        if let Some(rule) = Rule::find(&resolved) {
            let resolved = resolved.join("::");
            let shown = if resolved.ends_with(&as_written) {
                format!("`{as_written}{mark}`")
            } else {
                format!("`{as_written}{mark}`, which is `{resolved}{mark}`,")
            };
            self.refuse(rule, &shown, written);
        }
    }

    fn refuse(&mut self, rule: &Rule, shown: &str, tokens: impl ToTokens) {
        let Some(context) = self.context else { return };
        match self.allowances.last_mut() {
            Some(allowance) => allowance.used = true,
            None => self.errors.at(tokens, rule.message(shown, context)),
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        tokens::look_through(tokens, &mut |found| match found {
            Found::Call { names, mark, tokens } => self.path(names, mark, tokens),
            Found::BlockOn(name) => self.refuse(Rule::block_on(), "`.block_on(..)`", name),
        });
    }

    /// Ends the permissions beyond the first `depth`.
    fn close(&mut self, depth: usize) {
        let message = match self.context {
            Some(_) => "nothing here needs to be allowed: remove this",
            None => {
                "only functions with a `DurableOrchestrationContext` are checked, so nothing needs to be allowed: remove this"
            }
        };
        for Allowance { place, used } in self.allowances.split_off(depth) {
            if !used {
                self.errors.at(place, message);
            }
        }
    }

    fn with_attributes(&mut self, visit: impl FnOnce(&mut Self)) {
        let depth = self.allowances.len();
        visit(self);
        self.close(depth);
    }
}

impl VisitMut for Walk<'_> {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        let allowances = Allowance::take(attributes, self.errors);
        self.allowances.extend(allowances);
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        self.scopes.enter(block);
        visit_mut::visit_block_mut(self, block);
        self.scopes.leave();
    }

    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        self.with_attributes(|this| {
            this.at_start_of_statement = matches!(statement, Stmt::Expr(..));
            visit_mut::visit_stmt_mut(this, statement);
            this.at_start_of_statement = false;
        });
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        if take(&mut self.at_start_of_statement) {
            // The leftmost part, which is visited first, begins the statement too.
            self.at_start_of_statement = matches!(expression, Expr::Assign(_) | Expr::Binary(_) | Expr::Cast(_));
            visit_mut::visit_expr_mut(self, expression);
        } else {
            self.with_attributes(|this| visit_mut::visit_expr_mut(this, expression));
        }
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        self.with_attributes(|this| visit_mut::visit_arm_mut(this, arm));
    }

    fn visit_field_value_mut(&mut self, field: &mut FieldValue) {
        self.with_attributes(|this| visit_mut::visit_field_value_mut(this, field));
    }

    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        // Its attributes come first.
        visit_mut::visit_expr_path_mut(self, path);
        self.path(path::expression_names(path), "", &*path);
    }

    fn visit_expr_method_call_mut(&mut self, call: &mut ExprMethodCall) {
        visit_mut::visit_expr_method_call_mut(self, call);
        if call.method == "block_on" {
            self.refuse(Rule::block_on(), "`.block_on(..)`", &call.method);
        }
    }

    fn visit_macro_mut(&mut self, invocation: &mut Macro) {
        let names = path::names(&invocation.path);
        // It only prints them.
        let reads = names.last().is_none_or(|name| name != "stringify");
        self.path(names, "!", &invocation.path);
        if reads {
            self.tokens(invocation.tokens.clone());
        }
    }

    // Nothing outside is in scope in a module.
    fn visit_item_mod_mut(&mut self, _: &mut ItemMod) {}
}
