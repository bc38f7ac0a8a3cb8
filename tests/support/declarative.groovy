// Runs a declarative Jenkinsfile with real Groovy, in the order in which Jenkins would: `sh` runs for real, steps of
// plugins say what they were asked, and a word that is not known here is an error.
// groovy declarative.groovy JENKINSFILE BRANCH; exit code 1 when a stage failed.
class Pipeline {
    Map env
    String onBranch
    Exception failure
    boolean wanted

    static run(Closure body, Object words) {
        body.delegate = words
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body()
    }

    void pipeline(Closure c) { run(c, this) }
    void agent(Closure c) { run(c, this) }
    void label(String name) { println "agent '$name'" }
    void options(Closure c) { run(c, this) }
    void timeout(Map m) { assert m.time > 0 && m.unit == 'MINUTES' }
    void disableConcurrentBuilds() {}
    void buildDiscarder(Object rotator) {}
    Object logRotator(Map m) { m }
    void parameters(Closure c) { run(c, this) }
    void string(Map m) { env.putIfAbsent(m.name, m.defaultValue) }
    void environment(Closure c) { run(c, new Assigned(words: this)) }
    void stages(Closure c) { run(c, this) }

    void stage(String name, Closure c) {
        if (failure) { println "stage $name: left out"; return }
        println "stage $name"
        wanted = true
        run(c, this)
    }
    void when(Closure c) { run(c, this) }
    void branch(String name) { wanted = name == onBranch }
    void steps(Closure c) {
        if (!wanted) { println 'not wanted here'; return }
        try { run(c, this) } catch (IOException error) { failure = error; println "FAILED: $error.message" }
    }
    void post(Closure c) { run(c, this) }
    void always(Closure c) { run(c, this) }

    void sh(Object script) {
        def builder = new ProcessBuilder('sh', '-xe', '-c', script.toString()).redirectErrorStream(true)
        builder.environment().putAll(env.collectEntries { k, v -> [k, v.toString()] })
        def process = builder.start()
        process.inputStream.eachLine { println it }
        if (process.waitFor() != 0) throw new IOException("sh ended with ${process.exitValue()}")
    }
    void junit(Map m) {
        def file = new File(m.testResults)
        assert file.exists() || m.allowEmptyResults
        if (file.exists()) println "junit: ${new groovy.xml.XmlSlurper().parse(file).'**'.count { it.name() == 'testcase' }} tests"
    }
    void archiveArtifacts(Map m) { println "archived $m.artifacts" }
    void publishHTML(Map m) { println "html: ${new File(m.target.reportDir, m.target.reportFiles).exists()}" }
    Object usernamePassword(Map m) { [(m.usernameVariable): "user-of-$m.credentialsId", (m.passwordVariable): 'secret'] }
    Object gitUsernamePassword(Map m) { [GIT_CREDENTIALS_ID: m.credentialsId] }
    void withCredentials(List<Map> all, Closure c) {
        def before = new HashMap(env)
        all.each { env.putAll(it) }
        try { run(c, this) } finally { env = before }
    }
}

class Assigned {
    Pipeline words
    Object getEnv() { words.env }
    void setProperty(String name, Object value) {
        if (name == 'words') this.@words = value else words.env[name] = value
    }
}

def words = new Pipeline(env: new HashMap(System.getenv()), onBranch: args[1])
words.env.WORKSPACE = new File('').absolutePath
def script = new GroovyShell().parse(new File(args[0]))
script.metaClass.methodMissing = { String name, Object given -> words.invokeMethod(name, given) }
script.run()
System.exit(words.failure ? 1 : 0)
