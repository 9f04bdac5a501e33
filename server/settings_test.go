package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServerWithoutAMailServerRefusesInvitations(t *testing.T) {
	t.Parallel()
	c, err := load(production, map[string]string{"FOYER_SMTP_URL": ""})
	require.NoError(t, err)
	assert.Nil(t, c.sendMail(), "nobody's address is ever logged")
	assert.Nil(t, c.invitations().Send)
}
func TestInnerListenerIsNotForTheInternet(t *testing.T) {
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
	assert.NoError(t, checkInner("[fd00::1]:9090"))
	assert.ErrorContains(t, checkInner("203.0.113.7:9090"), "internet", "what a name has led to")
	_, err := load(nil, map[string]string{"FOYER_INNER_ADDR": "0.0.0.0:9090"})
	require.ErrorContains(t, err, "development")
	_, err = load(production, map[string]string{"FOYER_OPERATION_NAMES": "Good,not good"})
	require.ErrorContains(t, err, "not good")
	_, err = load(production, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"})
	require.ErrorContains(t, err, "http://")
}
