package graph

// What stands between resolvers and clients.
var (
	PresentError = presentError
	RecoverPanic = recoverPanic
)
