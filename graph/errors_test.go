package graph_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"foyer/graph"
	"foyer/internal/fault"
)

// secret is what no client may see.
const secret = "hunter2"

// shown is an error as a client sees it.
type shown struct {
	Message    string
	Path       []any
	Extensions map[string]any
}

func present(t *testing.T, err error) shown {
	t.Helper()
	text, failed := json.Marshal(graph.PresentError(t.Context(), err))
	require.NoError(t, failed)
	assert.NotContains(t, string(text), secret)
	var s shown
	require.NoError(t, json.Unmarshal(text, &s))
	return s
}

func TestClientSeesOnlyARequestIDForAnErrorWithoutAKind(t *testing.T) {
	t.Parallel()
	plain := errors.New("connect to postgres://foyer:" + secret + "@db: refused")
	tests := map[string]error{
		"plain":                 plain,
		"wrapped":               fmt.Errorf("find room: %w", plain),
		"joined":                errors.Join(plain, errors.New("rollback")),
		"with a place":          gqlerror.WrapPath(ast.Path{ast.PathName("room")}, plain),
		"with a place, wrapped": fmt.Errorf("room: %w", gqlerror.Wrap(plain)),
		"a panic":               graph.RecoverPanic(t.Context(), plain),
		"a kind of ours":        fault.From(plain, fault.Internal, "something went wrong on our side"),
	}
	ids := map[any]string{}
	for name, err := range tests {
		t.Run(name, func(t *testing.T) {
			s := present(t, err)
			assert.Equal(t, "something went wrong on our side", s.Message)
			assert.Equal(t, "INTERNAL", s.Extensions["code"])
			id, _ := s.Extensions["requestId"].(string)
			assert.NoError(t, uuid.Validate(id))
			assert.Len(t, s.Extensions, 2)
			assert.NotContains(t, ids, id)
			ids[id] = name
		})
	}
}

func TestClientSeesAFaultsKindMessageAndDetails(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial redis://:" + secret + "@redis")
	taken := fault.From(cause, fault.Conflict, "this slug is taken").With("field", "slug")
	tests := []struct {
		name string
		err  error
		want shown
	}{
		{"invalid", fault.Field("name", "name is empty"),
			shown{"name is empty", nil, map[string]any{"code": "INVALID", "field": "name"}}},
		{"unauthenticated", fault.New(fault.Unauthenticated, "sign in first"),
			shown{"sign in first", nil, map[string]any{"code": "UNAUTHENTICATED"}}},
		{"forbidden", fault.New(fault.Forbidden, "no"),
			shown{"no", nil, map[string]any{"code": "FORBIDDEN"}}},
		{"not found", fault.New(fault.NotFound, "no such room"),
			shown{"no such room", nil, map[string]any{"code": "NOT_FOUND"}}},
		{"conflict, with a cause", taken,
			shown{"this slug is taken", nil, map[string]any{"code": "CONFLICT", "field": "slug"}}},
		{"lobby required", fault.New(fault.LobbyRequired, "ask to enter"),
			shown{"ask to enter", nil, map[string]any{"code": "LOBBY_REQUIRED"}}},
		{"rate limited", fault.New(fault.RateLimited, "wait").With("retryAfter", 7),
			shown{"wait", nil, map[string]any{"code": "RATE_LIMITED", "retryAfter": 7.0}}},
		{"unavailable, with a cause", fault.From(cause, fault.Unavailable, "try again"),
			shown{"try again", nil, map[string]any{"code": "UNAVAILABLE"}}},
		{"wrapped", fmt.Errorf(secret+": %w", taken),
			shown{"this slug is taken", nil, map[string]any{"code": "CONFLICT", "field": "slug"}}},
		{"given a place", gqlerror.WrapPath(ast.Path{ast.PathName("room")}, taken),
			shown{"this slug is taken", nil, map[string]any{"code": "CONFLICT", "field": "slug"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.want, present(t, test.err))
		})
	}
	assert.Equal(t, map[string]any{"field": "slug"}, taken.Details, "the fault stays as it was")
}

func TestErrorsInAQueryHaveTheirPlace(t *testing.T) {
	t.Parallel()
	assert.Equal(t,
		shown{`Cannot query field "x"`, nil, map[string]any{"code": "INVALID"}},
		present(t, gqlerror.Errorf(`Cannot query field "x"`)))
	inVariable := gqlerror.ErrorPathf(ast.Path{
		ast.PathName("variable"), ast.PathName("input"), ast.PathName("entryIds"), ast.PathIndex(1),
	}, "must be defined")
	inVariable.Locations = []gqlerror.Location{{Line: 1, Column: 2}}
	assert.Equal(t, shown{
		"must be defined", []any{"variable", "input", "entryIds", 1.0},
		map[string]any{"code": "INVALID", "field": "entryIds"},
	}, present(t, inVariable))
	assert.Equal(t, inVariable.Locations, graph.PresentError(t.Context(), inVariable).Locations)
}

// Not parallel: the log is the process's.
func TestLogHasTheCauseUnderTheSameRequestID(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)

	s := present(t, errors.New("the password is "+secret))
	assert.Contains(t, log.String(), secret)
	assert.Contains(t, log.String(), s.Extensions["requestId"])

	log.Reset()
	present(t, fault.From(errors.New("redis is "+secret), fault.Unavailable, "try again"))
	assert.Contains(t, log.String(), secret)

	log.Reset()
	present(t, fault.New(fault.NotFound, "no such room"))
	assert.Empty(t, log.String(), "errors that the client can fix are not logged")
}
