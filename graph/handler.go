package graph

import (
	"net/http"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"

	"foyer/graph/generated"
)

const (
	maxBody       = 128 << 10
	maxTokens     = 2000
	maxComplexity = 1000
	cachedQueries = 1000
)

// NewHandler serves the API over POST and graphql-transport-ws. Introspection tells what the API
// offers.
func NewHandler(r *Resolver, credentials Credentials, introspection bool) http.Handler {
	h := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: r}))
	h.AddTransport(newWebsocket(credentials))
	h.AddTransport(transport.POST{})
	h.SetQueryCache(lru.New[*ast.QueryDocument](cachedQueries))
	h.SetParserTokenLimit(maxTokens)
	h.Use(extension.FixedComplexityLimit(maxComplexity))
	if introspection {
		h.Use(extension.Introspection{})
	} else {
		h.SetDisableSuggestion(true)
	}
	h.SetErrorPresenter(presentError)
	h.SetRecoverFunc(recoverPanic)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		h.ServeHTTP(w, r)
	})
}
