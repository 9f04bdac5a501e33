package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"foyer/auth"
	"foyer/graph/query"
	"foyer/internal/fault"
)

// withinScopes refuses an application's whole operation when it asks for a field that the application's scopes do not
// open. Users' operations pass.
func withinScopes(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	viewer := auth.FromContext(ctx)
	if !viewer.IsApplication() {
		return next(ctx)
	}
	closed := query.OutsideScopes(graphql.GetOperationContext(ctx).Operation.SelectionSet, viewer.Scopes)
	if closed == "" {
		return next(ctx)
	}
	err := presentError(ctx, fault.New(fault.Forbidden, "this application may not use %s", closed))
	return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{err}})
}

// countMutations counts an operation's mutations, whatever their aliases, against the viewer's rate limit. All of them
// run or none. So every mutation has a limit; expensive ones have further limits in the packages of rules.
func (r *Resolver) countMutations(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	if operation.Operation.Operation != ast.Mutation {
		return next(ctx)
	}
	asked := graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Mutation"})
	if err := r.Accounts.AllowMutations(ctx, len(asked)); err != nil {
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{presentError(ctx, err)}})
	}
	return next(ctx)
}

// selects reports whether the client selected a field in the object that is being resolved. It is true when that is not
// known.
func selects(ctx context.Context, name string) bool {
	field := graphql.GetFieldContext(ctx)
	if field == nil {
		return true
	}
	collected := graphql.CollectFields(
		graphql.GetOperationContext(ctx), field.Field.Selections, []string{field.Field.Definition.Type.Name()})
	return slices.ContainsFunc(collected, func(f graphql.CollectedField) bool { return f.Name == name })
}
