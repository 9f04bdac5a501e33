package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/graph/transport"
)

var testSchema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	type Query {
		hello: String
		"answers when the test releases it, or when its time is up"
		slow: String
		"answers when the test releases it, even if its client has gone"
		stubborn: String
		panics: String
		fails: String
	}
	type Mutation {
		"returns how often it was called"
		bump: Int
	}
	type Subscription {
		"counts from 1 up to a number, or for ever"
		count(to: Int): Int
		"never has a state"
		silent: Int
		"has a number of states of 64 kB, each of which ends in its own number"
		fast(of: Int = 1000000): String
		fails: Int
		"has one state, and ends with an error"
		endsWith: Int
		"panics when called, or after a number of states"
		panics(after: Int = 0): Int
		"has the states that the test puts into service.values"
		values: Int
	}`})

// executable does what gqlgen would generate for testSchema.
type executable struct{ *service }

func (executable) Schema() *ast.Schema { return testSchema }

func (executable) Complexity(
	context.Context, string, string, int, map[string]any,
) (int, bool) {
	return 0, false
}

func (e executable) Exec(ctx context.Context) graphql.ResponseHandler {
	asked := graphql.GetOperationContext(ctx)
	if asked.Operation.Operation == ast.Subscription {
		return e.subscribe(ctx, graphql.CollectFields(asked, asked.Operation.SelectionSet, nil)[0])
	}
	answered := false
	return func(ctx context.Context) *graphql.Response {
		if answered {
			return nil
		}
		answered = true
		data := &bytes.Buffer{}
		for i, field := range graphql.CollectFields(asked, asked.Operation.SelectionSet, nil) {
			data.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
			entry(data, field.Alias, e.resolve(ctx, field))
		}
		data.WriteString("}")
		return &graphql.Response{Data: data.Bytes()}
	}
}

func entry(w *bytes.Buffer, name string, value any) {
	text, _ := json.Marshal(value)
	w.WriteString(strconv.Quote(name) + ":")
	w.Write(text)
}

func (e executable) resolve(ctx context.Context, field graphql.CollectedField) any {
	switch field.Name {
	case "__typename":
		return field.ObjectDefinition.Name
	case "hello":
		return "world"
	case "bump":
		return e.bumps.Add(1)
	case "slow":
		e.running.Add(1)
		defer e.running.Add(-1)
		select {
		case <-e.release:
			return "at last"
		case <-ctx.Done():
			graphql.AddError(ctx, ctx.Err())
		}
	case "stubborn":
		e.running.Add(1)
		defer e.running.Add(-1)
		<-e.release
	case "panics":
		panic("a resolver panics")
	case "fails":
		graphql.AddError(ctx, errRefused)
	}
	return nil
}

// subscribe returns the states of a subscription.
func (e executable) subscribe(
	ctx context.Context, field graphql.CollectedField,
) graphql.ResponseHandler {
	source, err := e.source(ctx, field)
	if err != nil {
		graphql.AddError(ctx, err)
		return nil
	}
	data := &bytes.Buffer{} // shared by all states, as in gqlgen's code
	return func(ctx context.Context) *graphql.Response {
		select {
		case value, ok := <-source:
			if !ok {
				return nil
			}
			if value == nil {
				panic("a state panics")
			}
			data.Reset()
			data.WriteString("{")
			entry(data, field.Alias, value)
			data.WriteString("}")
			return &graphql.Response{Data: data.Bytes()}
		case <-ctx.Done():
			return nil
		}
	}
}

// source opens the source of a subscription: a goroutine that ends with ctx.
func (e executable) source(ctx context.Context, field graphql.CollectedField) (<-chan any, error) {
	args := field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)
	states := make(chan any)
	give := func(value any) bool {
		select {
		case states <- value:
			return true
		case <-ctx.Done():
			return false
		}
	}
	from := map[string]func(){
		"count": func() {
			for i := 1; args["to"] == nil || i <= number(args["to"]); i++ {
				if !give(i) {
					return
				}
			}
		},
		"silent": func() { <-ctx.Done() },
		"fast": func() {
			for i := 1; i <= number(args["of"]); i++ {
				if !give(padding + strconv.Itoa(i)) {
					return
				}
			}
		},
		"endsWith": func() {
			give(1)
			transport.EndWith(ctx)(errRefused)
		},
		"panics": func() {
			for i := 1; i <= number(args["after"]); i++ {
				give(i)
			}
			give(nil)
		},
		"values": func() {
			for {
				select {
				case value, ok := <-e.values:
					if !ok || !give(value) {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		},
	}[field.Name]
	if field.Name == "panics" && number(args["after"]) == 0 {
		panic("a source panics")
	}
	if from == nil {
		return nil, errRefused
	}
	e.running.Add(1)
	e.began.Add(1)
	go func() {
		defer e.running.Add(-1)
		defer close(states)
		from()
	}()
	return states, nil
}

// number reads an argument: a literal or a default is an int64, a variable a json.Number.
func number(argument any) int {
	n, _ := strconv.Atoi(strings.TrimSpace(toText(argument)))
	return n
}

func toText(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
