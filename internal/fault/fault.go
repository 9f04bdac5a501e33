// Package fault gives an error a kind that programs can act on, and a message that people may read. An error without a
// kind is internal: it is logged where the response is made, and never shown.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"time"
)

// Kind says what went wrong, in terms that a client understands. The kinds are the API's error codes.
type Kind string

const (
	// Internal is a fault of Foyer. Its details stay in the log.
	Internal Kind = "INTERNAL"
	// Invalid is bad input. The detail "field" names the argument, if one is to blame.
	Invalid Kind = "INVALID"
	// Unauthenticated requires the viewer to sign in.
	Unauthenticated Kind = "UNAUTHENTICATED"
	// Forbidden means that the viewer does not have the right.
	Forbidden Kind = "FORBIDDEN"
	// NotFound means that something does not exist, or that the viewer may not know that it does.
	NotFound Kind = "NOT_FOUND"
	// Conflict means that the current state does not allow this. In the lobby, the detail "decision" is the decision
	// that was first.
	Conflict Kind = "CONFLICT"
	// LobbyRequired means that this person must ask to enter.
	LobbyRequired Kind = "LOBBY_REQUIRED"
	// RateLimited means too many requests. The detail "retryAfter" is the time to wait in seconds, if it is known.
	RateLimited Kind = "RATE_LIMITED"
	// Unavailable means that a dependency cannot be reached. The same request may succeed later.
	Unavailable Kind = "UNAVAILABLE"
)

// Error is an error with a kind. Only its kind, message and details reach a client.
type Error struct {
	Kind    Kind
	Message string
	// Details are added to the extensions of a GraphQL error.
	Details map[string]any

	cause error
}

// Error returns the message with the cause, for logs.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.cause.Error()
}

// Unwrap returns what caused the error, if anything did.
func (e *Error) Unwrap() error { return e.cause }

// New returns an error of a kind with a message for people.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Field returns an Invalid error for one input field.
func Field(name, format string, args ...any) *Error {
	return New(Invalid, format, args...).With("field", name)
}

// From gives an external error a kind and a message for people. Only the log shows the text of the cause.
func From(cause error, kind Kind, format string, args ...any) *Error {
	e := New(kind, format, args...)
	e.cause = cause
	return e
}

// With returns a copy of the error with one more detail.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Details = maps.Clone(e.Details)
	if c.Details == nil {
		c.Details = map[string]any{}
	}
	c.Details[key] = value
	return &c
}

// TooMany returns a RateLimited error that says how long to wait, in whole seconds: at least one.
func TooMany(message string, wait time.Duration) *Error {
	return New(RateLimited, "%s", message).With("retryAfter", max(1, int(math.Ceil(wait.Seconds()))))
}

// Of returns what a client may know about err. An error without a kind is Internal.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: Internal, Message: "something went wrong on our side", cause: err}
}

// Is reports whether err is of a kind.
func Is(err error, kind Kind) bool { return err != nil && Of(err).Kind == kind }
