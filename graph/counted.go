package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// countMutations counts the mutations of an operation, under whatever aliases, against the viewer's limit: all of them
// run or none. So no mutation is without a limit; those that cost more than most have limits of their own, in the
// rules.
func (r *Resolver) countMutations(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	operation := graphql.GetOperationContext(ctx)
	if operation.Operation.Operation != ast.Mutation {
		return next(ctx)
	}
	asked := graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Mutation"})
	if err := r.Rooms.AllowMutations(ctx, len(asked)); err != nil {
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{presentError(ctx, err)}})
	}
	return next(ctx)
}

// selects reports whether a field is asked for of the one that a context is about; true where that is not known.
func selects(ctx context.Context, name string) bool {
	field := graphql.GetFieldContext(ctx)
	if field == nil {
		return true
	}
	collected := graphql.CollectFields(
		graphql.GetOperationContext(ctx), field.Field.Selections, []string{field.Field.Definition.Type.Name()})
	return slices.ContainsFunc(collected, func(f graphql.CollectedField) bool { return f.Name == name })
}
