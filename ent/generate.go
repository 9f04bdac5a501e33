// Package ent is the database. It is generated, except this file, configuration.go, entc.go, insert.go, standing.go and schema/.
package ent

//go:generate go run entc.go
