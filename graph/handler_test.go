package graph

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

type panicking struct{ io.Reader }

func (panicking) Read([]byte) (int, error) { panic("secret") }

func TestAPanicOutsideOfResolversIsAnInternalError(t *testing.T) {
	t.Parallel()
	h := NewHandler(&Resolver{}, Settings{MaxBody: 1000})
	r := httptest.NewRequest(http.MethodPost, "/", panicking{})
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, "application/json; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Contains(t, w.Body.String(), `"code":"INTERNAL"`)
	assert.NotContains(t, w.Body.String(), "secret")
}
