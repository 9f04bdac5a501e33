package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"foyer/internal/fault"
)

func TestClientSeesOnlyTheKindMessageAndDetails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		err     error
		kind    fault.Kind
		message string
		details map[string]any
	}{
		{"of a kind", fault.New(fault.NotFound, "no room %q", "abc"),
			fault.NotFound, `no room "abc"`, nil},
		{"that blames a field", fault.Field("name", "name is longer than %d", 3),
			fault.Invalid, "name is longer than 3", map[string]any{"field": "name"}},
		{"with a cause", fault.From(io.ErrUnexpectedEOF, fault.Unavailable, "try again"),
			fault.Unavailable, "try again", nil},
		{"wrapped", fmt.Errorf("b: %w", fmt.Errorf("a: %w", fault.New(fault.Conflict, "taken"))),
			fault.Conflict, "taken", nil},
		{"among joined ones", errors.Join(io.EOF, fault.New(fault.Forbidden, "no")),
			fault.Forbidden, "no", nil},
		{"caused by another", fault.From(fault.New(fault.NotFound, "inner"), fault.Invalid, "outer"),
			fault.Invalid, "outer", nil},
		{"of no kind", errors.New("password is hunter2"),
			fault.Internal, "something went wrong on our side", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			known := fault.Of(test.err)
			assert.Equal(t, test.kind, known.Kind)
			assert.Equal(t, test.message, known.Message)
			assert.Equal(t, test.details, known.Details)
			assert.True(t, fault.Is(test.err, test.kind))
			assert.False(t, fault.Is(test.err, fault.RateLimited))
		})
	}
}

func TestNilErrorHasNoKind(t *testing.T) {
	t.Parallel()
	assert.False(t, fault.Is(nil, fault.Internal))
}

func TestLogContainsTheCause(t *testing.T) {
	t.Parallel()
	err := fault.From(io.ErrUnexpectedEOF, fault.Unavailable, "try again")
	assert.EqualError(t, err, "try again: unexpected EOF")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.EqualError(t, fault.New(fault.Invalid, "plain"), "plain")
	assert.ErrorIs(t, fault.Of(io.EOF), io.EOF, "an error without a kind keeps its cause")
}

func TestDetailIsAddedToACopy(t *testing.T) {
	t.Parallel()
	first := fault.From(io.EOF, fault.Conflict, "taken").With("decision", "ADMITTED")
	second := first.With("field", "slug")
	assert.Equal(t, map[string]any{"decision": "ADMITTED"}, first.Details)
	assert.Equal(t, map[string]any{"decision": "ADMITTED", "field": "slug"}, second.Details)
	assert.Equal(t, fault.Conflict, second.Kind)
	assert.ErrorIs(t, second, io.EOF, "the copy keeps the cause")
}

// The kinds are the API's error codes: clients compare with these exact strings.
func TestKindsAreTheCodesOfTheAPI(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []fault.Kind{
		"INTERNAL", "INVALID", "UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND", "CONFLICT",
		"LOBBY_REQUIRED", "RATE_LIMITED", "UNAVAILABLE",
	}, []fault.Kind{
		fault.Internal, fault.Invalid, fault.Unauthenticated, fault.Forbidden, fault.NotFound,
		fault.Conflict, fault.LobbyRequired, fault.RateLimited, fault.Unavailable,
	})
}
