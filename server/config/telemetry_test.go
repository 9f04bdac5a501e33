package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAdminListenerIsNotForTheInternet(t *testing.T) {
	t.Parallel()
	for addr, problem := range map[string]string{
		"127.0.0.1:9090": "", "10.1.2.3:9090": "", "[fd00::1]:9090": "", "0.0.0.0:9090": "", ":9090": "",
		"203.0.113.7:9090": "internet", "[2001:db8::1]:9090": "internet", "9090": "host:port",
		"0.0.0.0:8080": "same",
	} {
		_, err := load(production, map[string]string{"FOYER_INNER_ADDR": addr})
		if problem == "" {
			assert.NoError(t, err, addr)
		} else {
			assert.ErrorContains(t, err, problem, addr)
		}
	}
	assert.NoError(t, CheckAdminAddr("[fd00::1]:9090"))
	assert.ErrorContains(t, CheckAdminAddr("203.0.113.7:9090"), "internet", "the address of a name")
	_, err := load(nil, map[string]string{"FOYER_INNER_ADDR": "0.0.0.0:9090"})
	require.ErrorContains(t, err, "development")
	_, err = load(production, map[string]string{"FOYER_OPERATION_NAMES": "Good,not good"})
	require.ErrorContains(t, err, "not good")
	_, err = load(production, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"})
	require.ErrorContains(t, err, "http://")
}
