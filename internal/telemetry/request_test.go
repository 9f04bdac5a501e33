package telemetry

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRequestOfSeveralOperationsHasTheirNumberInItsLine(t *testing.T) {
	t.Parallel()
	var none *Request
	none.Ran(Operation{})
	none.Finish(t.Context(), Answer{})
	r := &Request{ID: "the-id"}
	id := slog.String("requestId", "the-id")
	assert.Equal(t, []slog.Attr{id}, r.appendOperations(nil))
	r.Ran(Operation{Name: "Room", Field: "room"})
	assert.Equal(t, []slog.Attr{slog.String("operation", "Room"), slog.String("field", "room"), id},
		r.appendOperations(nil))
	r.Ran(Operation{Name: "Room", Field: "room"})
	assert.Equal(t, []slog.Attr{slog.Int("operations", 2), id}, r.appendOperations(nil))
}

func TestLineOfARequestHasItsAnswer(t *testing.T) {
	t.Parallel()
	r := &Request{ID: "the-id"}
	record := r.record(Answer{"odd", "/graphql", http.StatusOK, 71, false, slog.LevelDebug}, 8312*time.Microsecond)
	assert.Equal(t, "request", record.Message)
	assert.Equal(t, slog.LevelDebug, record.Level)
	var attrs []slog.Attr
	record.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	assert.Equal(t, []slog.Attr{
		slog.String("method", Method("odd")), slog.String("route", "/graphql"), slog.Int("status", 200),
		slog.Int64("bytes", 71), slog.Float64("milliseconds", 8.312), slog.String("requestId", "the-id"),
	}, attrs)
}
