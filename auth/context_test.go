package auth_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"foyer/auth"
)

func TestContextReturnsItsViewer(t *testing.T) {
	t.Parallel()
	for _, viewer := range []auth.Viewer{
		{}, {Address: "192.0.2.1"}, {UserID: uuid.New(), Address: "192.0.2.1"},
		{Address: "192.0.2.1", ExpiresAt: time.Now()}, {Application: uuid.New()},
		{UserID: uuid.New(), SessionID: uuid.New(), Scopes: []auth.Scope{"one"}},
	} {
		assert.Equal(t, viewer, auth.FromContext(auth.NewContext(context.Background(), viewer)))
	}
	assert.Zero(t, auth.FromContext(context.Background()))
}
