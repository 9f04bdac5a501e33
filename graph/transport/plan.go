package transport

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// plan is what the operations of one document share: it has been parsed and validated once.
type plan graphql.OperationContext

func planOf(ran *graphql.OperationContext) *plan {
	return &plan{
		RawQuery: ran.RawQuery, OperationName: ran.OperationName, Doc: ran.Doc, // Doc refers to the text anyway
		Operation: ran.Operation, DisableIntrospection: ran.DisableIntrospection,
		RecoverFunc: ran.RecoverFunc, ResolverMiddleware: ran.ResolverMiddleware,
		RootResolverMiddleware: ran.RootResolverMiddleware,
	}
}

// operation returns an operation with the values of its variables.
func (p *plan) operation(values []any) *graphql.OperationContext {
	operation := &graphql.OperationContext{
		OperationName: p.OperationName, Doc: p.Doc, Operation: p.Operation,
		DisableIntrospection: p.DisableIntrospection, RecoverFunc: p.RecoverFunc,
		ResolverMiddleware: p.ResolverMiddleware, RootResolverMiddleware: p.RootResolverMiddleware,
		Variables: make(map[string]any, len(values)),
	}
	operation.Stats.OperationStart = graphql.Now()
	for i, value := range values {
		if value != (omitted{}) {
			operation.Variables[p.Operation.VariableDefinitions[i].Variable] = value
		}
	}
	return operation
}

// omitted stands for a variable that the request did not set.
type omitted struct{}

// pack returns the values of variables in the order in which the document defines them. A map of one takes 340 bytes.
func (p *plan) pack(variables map[string]any) []any {
	if len(p.Operation.VariableDefinitions) == 0 {
		return nil
	}
	values := make([]any, len(p.Operation.VariableDefinitions))
	for i, definition := range p.Operation.VariableDefinitions {
		value, given := variables[definition.Variable]
		if values[i] = value; !given {
			values[i] = omitted{}
		}
	}
	return values
}

// next executes a source's next state. It returns the response, or the response with the error that ends the
// subscription; neither when there is no new state.
func (p *plan) next(
	ctx context.Context, source Source, values []any, exec graphql.GraphExecutor,
) (response, failed *graphql.Response) {
	state, err := source.Next(ctx)
	if state == nil && err == nil {
		return nil, nil
	}
	operation := prepared{p.operation(values), exec}
	defer func() {
		if reason := recover(); reason != nil {
			response, failed = nil, operation.panicked(ctx, reason)
		}
	}()
	if err != nil {
		return nil, operation.failed(ctx, err)
	}
	ctx = graphql.StartOperationTrace(context.WithValue(ctx, eventKey{}, state))
	return operation.run(ctx)(), nil
}

// plans are those of the documents that were subscribed to most recently.
type plans struct {
	mu sync.Mutex
	of map[*ast.OperationDefinition]*plan
}

// maxPlans is how many plans are shared. Operations keep a plan that is shared no longer.
const maxPlans = 100

// shared returns the plan of an operation.
func (p *plans) shared(ran *graphql.OperationContext) *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.of[ran.Operation]
	if known == nil {
		known = planOf(ran)
		if p.of == nil || len(p.of) >= maxPlans {
			p.of = map[*ast.OperationDefinition]*plan{}
		}
		p.of[ran.Operation] = known
	}
	return known
}
