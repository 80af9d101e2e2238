"""The one-time code in the text of an SMS or in the transcript of a call.

Four steps, each a function of its own below:

1. *Clean*: one Unicode form, plain digits, plain blanks and dashes, nothing of no width.
2. *Blank out* what has a shape of its own and is no code: addresses, dates, hours, sums, phones.
3. *Read* what is left as a row of items: words with a role (see the tables), marks, and numbers.
4. *Weigh* each number by the words around it; the one with the strongest claim is the code, if
   its claim is strong enough. What names another sort of number right in front of it, or calls it
   old, rules it out.

Every step goes through the text once, with windows of fixed size: the time grows in step with the
text. Nothing here ever logs a text or a code.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from simlet.domain.patterns import compile_code_pattern


class Role(Enum):
    """What an item of a text is to the numbers around it."""

    CODE = auto()  # names a one-time code and nothing else
    WORD = auto()  # may name one: code, password, mã
    OTHER = auto()  # names another number: order number, account number, sum
    TOPIC = auto()  # what a code may be for, and what may have a number: account, order
    GOODS = auto()  # like TOPIC, and a "code" beside it is its own: parcel, gift card
    SUM = auto()  # a currency
    CONTACT = auto()  # a number to call, or to write to
    OLD = auto()  # the code beside it is no longer good
    AVOID = auto()  # the code behind it is not to be used
    LINK = auto()  # is, là, as
    COLON = auto()  # : = >
    OWNER = auto()  # your, của bạn
    FOR = auto()  # for, cho
    ACT = auto()  # enter, use, nhập
    PURPOSE = auto()  # to sign in, để xác nhận
    SHARE = auto()  # the verb of a warning
    THIS = auto()  # this (code)
    PROMO = auto()  # talks of a rebate
    PLAIN = auto()  # any other word
    COMMA = auto()
    LINE = auto()
    END = auto()  # of a sentence
    MARK = auto()  # brackets, quotes: they change nothing
    THING = auto()  # something that holds digits and is no code
    NUMBER = auto()  # a candidate


# ---------------------------------------------------------------------------- words, by language
# A phrase is written as people write it; accents and capitals do not matter in Latin script.

_CODE = """
vi  otp | mã otp | maotp | mã xác thực | mã xác minh | mã xác nhận | mã kích hoạt | mã đăng nhập
vi  mã đăng ký | mã bảo mật | mã an toàn | mã pin | mã một lần | mã dùng một lần | mã truy cập
vi  mã khôi phục | mã mở khóa | mã đặt lại | mã số xác thực | mã số xác nhận | mã số bí mật
vi  mã bí mật | mã sms | số xác thực | số xác nhận | mật khẩu otp | mật khẩu một lần | smart otp
vi  mật mã | mã kiểm tra | mã xác nhập | mã số xác minh | mã giao dịch otp | mã cấp lại mật khẩu
ms  tac | kod tac
en  safekey | securecode | verification code | verification pin | verification number
en  verify code | security code | verification password | validation code | confirmation code
en  authentication code | auth code | authorization code | authorisation code | activation code
en  login code | log in code | signin code | sign in code | access code | passcode | pass code
en  one time password | one time code | one time pin | one time passcode | single use code
en  dynamic password | 2fa | two factor code | mfa | tfa | totp | recovery code | reset code
en  registration code | vcode | sms code | security pin | login pin | login otp | otp code
en  2fa code | verification codes | temporary password | temporary code | secret code
en  digit code | verificationcode
de  tan | mtan | smstan | sms tan | bestätigungscode | verifizierungscode | sicherheitscode
de  einmalpasswort | einmalcode | aktivierungscode | anmeldecode | freischaltcode | logincode
fr  code de vérification | code de sécurité | code de confirmation | code de validation
fr  code d'activation | code de connexion | code d'accès | code d'authentification
fr  mot de passe à usage unique | code à usage unique
es  código de verificación | código de seguridad | código de confirmación | código de acceso
es  código de activación | clave dinámica | clave de un solo uso | código de inicio de sesión
pt  código de verificação | código de segurança | código de confirmação | código de acesso
pt  código de ativação | código de autenticação | token de acesso
it  codice di verifica | codice di sicurezza | codice di conferma | codice di accesso
id  kode otp | kode verifikasi | kode keamanan | kode aktivasi | kode konfirmasi | kode masuk
tr  doğrulama kodu | doğrulama kodunuz | onay kodu | onay kodunuz | güvenlik kodu
tr  güvenlik kodunuz | aktivasyon kodu | aktivasyon kodunuz | tek kullanımlık şifre | giriş kodu
pl  kod weryfikacyjny | kod potwierdzający | kod bezpieczeństwa | kod aktywacyjny | kod sms
pl  hasło jednorazowe | kod autoryzacyjny | kodem weryfikacyjnym | kod dostępu
nl  verificatiecode | beveiligingscode | bevestigingscode | inlogcode | toegangscode
ru  код подтверждения | код проверки | код доступа | проверочный код | код активации
ru  код для входа | код авторизации | код безопасности | одноразовый код | одноразовый пароль
ru  код смс | код верификации | код регистрации | кодом подтверждения
uk  код підтвердження | код перевірки | код доступу
zh  验证码 | 校验码 | 驗證碼 | 動態碼 | 动态码 | 动态密码 | 動態密碼 | 确认码 | 確認碼 | 安全码
zh  安全碼 | 激活码 | 随机码 | 随机密码 | 短信码 | 登录码 | 登入碼 | 一次性密码 | 一次性密碼
zh  检验码 | 認證碼 | 认证码 | 短信口令 | 动态口令 | 验证密码 | 授权码
ja  認証コード | 確認コード | 認証番号 | 確認番号 | ワンタイムパスワード | 検証コード
ja  セキュリティコード | ログインコード | 認証キー | パスコード | 本人確認コード
ko  인증번호 | 인증 번호 | 인증코드 | 인증 코드 | 확인코드 | 확인 코드 | 보안코드 | 보안 코드
ko  일회용 비밀번호 | 로그인 코드 | 확인번호
ar  كود الدخول | رمز الوصول | رمز تسجيل الدخول | رمز التحقق | رمز التأكيد | رمز الدخول
ar  رمز التفعيل | كود التحقق | كود التفعيل | رمز الأمان | كلمة مرور لمرة واحدة | رمز تحقق
ar  رمز تفعيل
fa  کد تایید | کد تأیید | رمز پویا | کد فعال سازی | رمز یکبار مصرف | کد ورود
he  קוד אימות | קוד האימות | קוד הכניסה
hi  ओटीपी | सत्यापन कोड | सुरक्षा कोड | वेरिफिकेशन कोड | वन टाइम पासवर्ड
bn  ওটিপি | যাচাইকরণ কোড
th  รหัสยืนยัน | รหัสโอทีพี | รหัสความปลอดภัย | โอทีพี | รหัสการยืนยัน
km  លេខកូដផ្ទៀងផ្ទាត់ | កូដផ្ទៀងផ្ទាត់ | លេខកូដបញ្ជាក់
el  κωδικός επαλήθευσης | κωδικός επιβεβαίωσης | κωδικός ασφαλείας
"""

_WORD = """
en  code number | pin number | password number | code | codes | pin | password | verification
en  authentication | pincode | pin code | token
vi  mã | mã số | dãy số | con số | mật khẩu | mã mới | 4 số | 5 số | 6 số | 8 số | 4 chữ số
vi  6 chữ số | mk | pwd | passwd
de  passwort | kennwort
fr  mot de passe
es  código | codigos | clave | contraseña
pt  senha
it  codice
ro  codul
id  kode | kata sandi
ms  kod
tr  kodu | kodunuz | kodun | şifre | şifreniz | parola | parolanız
pl  kodem | hasło
cs  kód | kódem | heslo
hu  kódja | kódod | kódot | jelszó
sv  koden | engångskod
da  engangskode
nl  wachtwoord
fi  koodi | koodisi
hr  lozinka | šifra
sw  msimbo | nambari ya siri | nambari yako ya siri
uz  kodi | kodingiz
ru  код | пароль
el  κωδικός | κωδικό
zh  密码 | 密碼 | 口令 | 代码 | 代碼
ja  コード | 暗証番号 | パスワード
ko  코드 | 비밀번호
ar  رمز | كود | كلمة المرور | كلمة السر
fa  کد
ur  کوڈ
he  קוד | סיסמה
hi  कोड | पासवर्ड
bn  কোড
th  รหัส
lo  ລະຫັດ
km  លេខកូដ | កូដ | លេខសម្ងាត់
my  ကုဒ် | ကုတ်
ka  კოდი
hy  կոդ
am  ኮድ
ta  குறியீடு
"""

_OTHER = """
vi  puk | mã puk | mã bảo hành | mã kiện | mã niêm phong | mã dịch vụ | mã số dịch vụ | mã trạm
vi  số | số điện thoại | sđt | tk | stk | số tk | số tài khoản | số thẻ | thẻ số | đuôi
vi  số đuôi | số cuối | mã giao dịch | mã gd | giao dịch số | gd số | số gd | mã tham chiếu
vi  mã ref | mã đơn hàng | mã đơn | mã đh | đơn hàng số | đh | mã vận đơn | mã khách hàng
vi  mã kh | số kh | mã hợp đồng | mã hđ | số hđ | mã hóa đơn | mã hồ sơ | mã phiếu | mã yêu cầu
vi  mã số thuế | mst | mã bưu gửi | mã bưu chính | mã nhân viên | mã sinh viên | mã sv | mã nv
vi  mã bhxh | mã ctv | mã đại lý | mã cửa hàng | mã giảm giá | mã ưu đãi | mã khuyến mãi
vi  mã khuyến mại | mã quà tặng | mã voucher | mã coupon | mã km | mã giới thiệu | mã freeship
vi  mã miễn phí | mã dự thưởng | mã sản phẩm | mã hàng | mã sp | mã đặt chỗ | mã đặt vé
vi  mã đặt phòng | mã vé | mã chuyến | mã lỗi | mã vùng | mã vạch | mã qr | mã chứng khoán
vi  mã ck | mã tra cứu | mã biên lai | mã máy | mã thiết bị | mã phiên | mã thẻ | mã người dùng
vi  mã tài khoản | mã kiện hàng | mã thanh toán | mã cước | mã gói cước | mã tin | số tiền | st
vi  số dư | sd | tổng tiền | tổng | phí | giá | thu hộ | cod | lô | phòng | mã bàn | số lượng
vi  số seri | cmnd | cccd | số cmnd | số cccd | hộ chiếu | biển số | bks | bsx | mã số nhân viên
vi  mã số khách hàng | mã số sinh viên | mã số đơn hàng | mã số học sinh | mã số gd | mã hs
vi  mã ts | mã hv | mã bn | mã dv | mã bhyt | mã cb | mã số hồ sơ | mã số bhxh | lúc | ngày
vi  mã suất chiếu | ghế | mã ghế | mã định danh | từ số | nd | nội dung | mã nạp | mã thẻ cào
vi  mã trúng thưởng | mã bài | mã học viên | mã môn | mã phòng | 4 số cuối | 4 số đuôi
vi  số báo danh | sbd | mã dự thi | mã số dự thi
en  serial | order number | order no | order id | order code | ref | ref no | reference | ref id
en  no | nr | reference number | reference no | reference code | reference id | txn | txn id
en  trx | utr | rrn | transaction id | transaction no | transaction number | transaction code
en  transaction ref | trans id | trans no | invoice number | invoice no | ticket number
en  ticket no | ticket id | case number | case no | case id | account number | account no | acct
en  acc | a/c | a/c no | card number | card ending | card ending in | ending | ending in
en  ending with | ends in | ends with | last four | id | user id | customer id | client id
en  member id | device id | request id | session id | tracking | tracking number | tracking no
en  tracking code | tracking id | awb | booking code | booking id | booking reference
en  booking number | pnr | phone number | mobile number | phone no | flight | gate | room | seat
en  locker | table | apartment | po box | zip | zip code | postal code | postcode | area code
en  country code | error code | error | promo code | promo | coupon code | coupon
en  discount code | discount | voucher code | gift code | gift card code | offer code
en  referral code | invite code | qr code | barcode | qrcode | zipcode | promocode | dress code
en  source code | product code | sort code | swift code | bank code | branch code | item | sku
en  model | version | build | number | amount | balance | total | price | fee | since
en  policy number | policy no | batch | imei | confirmation number | queue number | waybill
en  bill number | receipt number | receipt no | av bal | avl bal | limit | points
en  serial number | inv | po | hd | employee id | student id | parcel number | shipment number
en  delivery number | job id
de  bestellnummer | auftragsnummer | sendungsnummer | kundennummer | rechnungsnummer | betrag
de  postleitzahl | gutscheincode | vorgangsnummer | sendung | rechnung | auftrag
fr  numéro de commande | numéro de suivi | montant | référence | code promo | code postal | n°
es  número de pedido | código postal | importe | monto | código promocional
es  código de descuento | referencia | folio | saldo | guía | n° de pedido
pt  código de rastreio | código de rastreamento | valor | referência | cupom | protocolo
pt  nota fiscal
it  importo | codice promo | codice fiscale | codice sconto
id  nomor pesanan | resi | no resi | nomor resi | no rekening | kode promo | kode voucher
id  nomor | kode transaksi | tagihan | kode pos | kode referral | nomor rekening
tr  sipariş no | takip no | fatura | tutar | numaralı | iban
pl  przesyłka | faktura | kwota | kod rabatowy | numer
nl  bestelnummer | kortingscode | rekeningnummer
ru  сумма | баланс | номер | номер заказа | договор | промокод | квитанция | накладная
uk  сума
zh  订单号 | 訂單編號 | 单号 | 運單號 | 运单号 | 尾号 | 尾號 | 账号 | 帳號 | 余额 | 餘額 | 金额
zh  金額 | 取件码 | 优惠码 | 優惠碼 | 折扣码 | 编号 | 流水号 | 订单编号 | 卡号 | 邮编
ja  注文番号 | 伝票番号 | お問い合わせ番号 | 追跡番号 | 会員番号 | 口座番号 | 郵便番号
ja  予約番号 | お客様番号 | 受付番号 | クーポンコード | 残高
ko  주문번호 | 주문 번호 | 운송장번호 | 운송장 번호 | 송장번호 | 계좌번호 | 예약번호 | 고객번호
ko  잔액 | 쿠폰번호 | 쿠폰코드 | 우편번호 | 할인코드 | 접수번호
ar  طلبك رقم | رقم الطلب | رقم الحساب | رقم | رصيد | رصيدك | مبلغ | رقم الشحنة | رقم المرجع
ar  رمز الخصم | كود الخصم
fa  شماره سفارش | کد رهگیری | کد تخفیف
hi  राशि | ऑर्डर संख्या | बैलेंस
th  เลขที่ | หมายเลขพัสดุ | ยอดเงิน | หมายเลขคำสั่งซื้อ
km  លេខគណនី
"""

_TOPIC = """
vi  khách hàng | hội viên | thành viên | người dùng | tên đăng nhập | tài khoản | giao dịch | gd
vi  hợp đồng | hồ sơ | gói | gói cước | thẻ tín dụng | thẻ ghi nợ | thẻ | gửi | thiết bị | phiên
vi  yêu cầu
en  session | user | username | member | customer | client | account | transaction | case | card
en  policy | contract | payment | purchase | request | device | application | track
de  konto | karte | vorgang | auftrag
fr  compte | carte | dossier
es  cuenta | tarjeta
pt  conta | cartão
it  conto | carta
id  rekening | transaksi | akun
tr  hesap | kart
pl  karta
ru  счет | счета | карта | карты | карте | аккаунт
uk  рахунок | картка
zh  账户 | 帳戶
ko  계좌 | 카드
ar  الحساب | حساب | البطاقة | بطاقة
he  חשבון | כרטיס
hi  खाता | खाते
th  บัญชี | บัตร
km  គណនី
"""

_GOODS = """
vi  đơn hàng | đơn | vận đơn | hóa đơn | bưu gửi | kiện hàng | thẻ cào | bưu kiện | thẻ quà tặng
en  order | invoice | ticket | parcel | package | shipment | booking | reservation | box
en  delivery | bill | receipt | gift card
de  bestellung
fr  commande | colis | facture
es  pedido | envío | factura
pt  encomenda | fatura
it  ordine | spedizione | fattura
id  pesanan
tr  sipariş | kargo
pl  zamówienie | zamówienia | paczka
nl  bestelling | zending
ru  заказ | заказа | посылка
uk  замовлення
zh  订单 | 訂單 | 快递 | 快件 | 包裹
ja  ご注文
ko  주문
ar  طلب | الطلب | الشحنة | شحنة
fa  سفارش
he  הזמנה
hi  ऑर्डर
th  คำสั่งซื้อ | พัสดุ
"""

_SUM = """
vi  vnd | đồng | vnđ
en  usd | rs | inr | eur | rp | idr | php | gbp | aud | sgd | myr | rm | thb
"""

_CONTACT = """
vi  hotline | tổng đài | tđ | tđ hỗ trợ | lh | liên hệ | gọi | gọi số | gọi ngay | cskh | gửi số
vi  gửi đến số | gửi về | gửi đến | gửi tới | đt | soạn | đầu số | thuê bao | tb | số máy
vi  hỗ trợ | gửi về số | gửi tới số | td hỗ trợ | bấm | quay số | liên lạc | thoại | fax
vi  số thuê bao | alo
en  call | call us | call us at | call us on | tel | telephone | dial | contact | helpline
en  hot line | text stop to | stop to | help to | reply to | text to | sms to | sent to
en  to the number | at number | hotline number | toll free | customer care | customer service
en  support | help desk | call center | call centre | short code
de  telefon | anrufen | rufnummer | rufen sie
fr  téléphone | appelez | appelez le | composez le
es  llame | llame al | llama | llama al | teléfono | envia stop al
pt  ligue | ligue para | telefone | celular
id  hubungi | telepon | ketik
tr  arayın | tel no
pl  zadzwoń
ru  звоните | позвоните | телефон | телефону | тел | по номеру | на номер
zh  拨打 | 撥打 | 致电 | 致電 | 电话 | 電話 | 热线 | 客服 | 回复 | 發送至 | 发送至 | 手机号
zh  咨询 | 详询 | 手机尾号
ja  お電話 | 問い合わせ | お問い合わせ
ko  문의 | 고객센터 | 연락처 | 전화
ar  اتصل | اتصل على | هاتف | جوال | الاتصال | الجوال
hi  कॉल करें | कॉल | फ़ोन | फोन | मोबाइल
th  โทร | ติดต่อ | เบอร์
"""

_OLD = """
vi  mã cũ | mã otp cũ | cũ | mã trước | mã trước đó | đã hết hạn | đã hết hiệu lực
vi  không còn hiệu lực | đã bị hủy | không còn dùng | không còn giá trị | vô hiệu | hết hạn rồi
vi  đã hủy | đã được sử dụng | hết hiệu lực rồi | đã cũ
en  old code | old | old one | previous code | earlier code | has expired | is expired
en  expired code | no longer valid | is no longer valid | is invalid | was expired
en  previous otp | old otp | is not valid | has been cancelled | was cancelled | already used
en  is no longer active
es  código anterior | ya no es válido | ha caducado
pt  não é mais válido | expirou
fr  ancien code | n'est plus valable | a expiré
de  alter code | nicht mehr gültig | abgelaufen
id  kode lama | sudah tidak berlaku | sudah kedaluwarsa
ru  старый код | недействителен | истек | больше не действителен
zh  已失效 | 已过期 | 旧验证码 | 旧码 | 作废 | 已過期
ja  古いコード | 無効
ko  이전 인증번호 | 만료된
"""

_AVOID = """
vi  đừng nhập | đừng nhập mã | đừng dùng | đừng dùng mã | không nhập | không nhập mã
vi  không dùng | không dùng mã | không phải | không phải là | thay cho | thay cho mã | bỏ mã
vi  bỏ qua mã | thay thế mã | không sử dụng mã | chứ không phải | đã dùng mã | đã sử dụng mã
vi  đã nhập mã
en  do not use | don't use | dont use | do not enter | don't enter | ignore | instead of | not
en  do not use code | don't use code | ignore code | previous | replaces | replaces code
es  en lugar de | no use
pt  em vez de
de  statt
id  bukan
ru  не используйте | вместо
zh  而不是
"""

_LINK = """
vi  là | là số | như sau | dưới đây
en  is | are | as | below | being | reads | equals
de  ist | lautet | lauten | als
fr  est | comme
es  es | como
pt  é | e
id  adalah | ialah | ini adalah
pl  jest
sv  är
da  er
nl  luidt
ru  это | является
uk  це
zh  是 | 为 | 為
ja  は | が | です
ko  는 | 은
ar  هو | هي
fa  است
hi  है
th  คือ
km  គឺ
"""

_OWNER = """
vi  của bạn | của quý khách | của quý vị | của qk | của anh | của chị | của em | của anh/chị
vi  của mình | cua kh | của khách hàng | bạn | quý khách | qk
en  your | for you | the | a | an
de  ihr | ihre | dein | deine
fr  votre | ton | le
es  tu | su | el
pt  seu | sua
it  il tuo | tuo
id  anda | kamu | kakak
ru  ваш | вашего | твой
zh  您的 | 你的 | 本次 | 的
ja  あなたの | お客様の | の
ko  귀하의
hi  आपका | आपके | आपकी
ar  الخاص بك
th  ของคุณ | ของท่าน
km  របស់អ្នក
"""

_FOR = """
vi  cho | của | tới | để
en  for | to | from | of | on
es  para
fr  pour
de  für
id  untuk
ru  для
"""

_ACT = """
en  enter the number | enter number | enter code number | enter | use | using | input | type
en  insert | type in | key in | submit
vi  nhập | nhập số | nhập dãy số | nhập đúng | dùng | sử dụng | gõ | điền | hãy nhập | hãy dùng
de  nutzen | nutzen sie | verwenden | verwenden sie | geben sie | nutze | verwende | benutze
fr  utilisez | saisissez | entrez | tapez
es  ingresa | ingrese | usa | utiliza | utilice | introduce | introduzca | escribe
pt  digite | insira | informe | utilize
it  inserisci | utilizza
id  masukkan | gunakan
tr  girin | giriniz | kullanın
pl  wpisz | użyj | podaj
ru  введите | используйте | укажите
zh  输入 | 請輸入 | 请输入 | 输入验证码 | 填写
ja  入力 | を入力
ko  입력 | 를 입력 | 을 입력
hi  दर्ज करें
ar  أدخل | استخدم
th  กรอก | ใช้
"""

_PURPOSE = """
vi  xác thực | xác minh | xác nhận | kích hoạt | đăng nhập | đăng ký | hoàn tất
vi  đặt lại mật khẩu | tiếp tục
en  verify | confirm | activate | login | log in | log into | sign in | sign up | signing in
en  logging in | authenticate | registration | register | reset | complete | continue
de  anmelden | bestätigen | einloggen | verifizieren | anmeldung
fr  connecter | confirmer | vérifier | valider
es  verificar | confirmar | iniciar sesión | acceder | entrar
pt  acessar
it  verificare | confermare | accedere
id  verifikasi | masuk | konfirmasi
tr  doğrulamak | giriş | onaylamak
pl  potwierdzić | zalogować | potwierdź
ru  подтверд | вход | войти | регистрац
zh  登录 | 登入 | 验证 | 注册 | 確認
ja  ログイン | 認証 | 登録
ko  로그인 | 인증 | 가입
hi  लॉगिन | सत्यापित
ar  تسجيل الدخول | تأكيد | للتحقق
th  ยืนยัน | เข้าสู่ระบบ
"""

_SHARE = """
vi  chia sẻ | cung cấp | tiết lộ | đưa cho | đọc cho | cảnh giác | lừa đảo | cảnh báo | mạo danh
vi  giả mạo | bảo mật thông tin | không yêu cầu | hỏi mã | hỏi
en  share | sharing | give | disclose | reveal | forward | never ask | ask | asks | scam | fraud
en  scammers | beware | phishing | tell
de  weitergeben | weiter | teilen | betrug
fr  partagez | communiquez | jamais
es  comparta | compartas | compartir | nunca | estafa
pt  compartilhe | golpe
it  condividere | condivida
id  berikan | bagikan | penipuan
tr  paylaşmayın | paylaşmayınız
pl  udostępniaj | nikomu
ru  сообщайте | никому | говорите | мошенник
zh  泄露 | 告诉 | 告知 | 透露 | 诈骗
ja  教えない | 共有
ko  노출 | 공유 | 타인
ar  تشارك | مشاركة
hi  साझा | शेयर
th  เปิดเผย | อย่าบอก
"""

_THIS = """
vi  này | trên
en  this | these | the above | above
de  diesen | dieser
fr  ce
es  este
id  ini
ru  этот
zh  此 | 该
ja  この
"""

_PROMO = """
vi  quà tặng | tặng bạn | tặng ngay | được tặng | nhận quà | giảm | giảm giá | giảm ngay
vi  ưu đãi | khuyến mãi | khuyến mại | hoàn tiền | freeship | miễn phí vận chuyển | mua sắm
vi  đơn từ | sale off | siêu sale | flash sale
en  discount | off | sale | coupon | voucher | promo | promotion | cashback | free shipping
en  redeem | gift card | gift | redeem code
es  descuento | oferta | promoción
pt  desconto | promoção
fr  remise | réduction | offre | soldes
de  rabatt | gutschein
id  diskon | potongan | gratis ongkir
ru  скидка | скидку | акция
zh  优惠 | 折扣 | 立减 | 优惠券 | 满减
ja  クーポン | 割引
ko  할인 | 쿠폰
"""

# What counts something, right behind a number: a sum, or else a time or an amount.
_SUMS = """
vnd | d | dong | usd | eur | euro | euros | nghin | ngan | trieu | tr | ty | rub | rp | idr
php | inr | dollars | thb | baht | tl | try | zl | pln | kr | sek | xu | gb | mb | points | diem
coins | k
"""
_UNITS = """
phut | giay | gio | tieng | ngay | thang | nam | lan | ky tu | chu so | minute | minutes | min
mins | second | seconds | sec | secs | hour | hours | hr | hrs | day | days | week | weeks
month | months | year | years | times | digits | digit | characters | chars | minuten | minuto
minutos | minuti | sekunden | segundos | stunden | horas | heures | jours | tage | dias | menit
detik | jam | hari | dakika | saniye | saat | minut | minuty | sekund | godzin | point | sao
coin | items | sms | tin | tin nhan | phan tram | percent | kb | tb | km | kg | cm | mm
"""
# The same, with no blank between: 90s, 450k.
_GLUED_UNITS = (
    "p|ph|phut|s|giay|sec|h|m|min|mins|k|d|tr|vnd|usd|gb|mb|kb|km|kg|g|cm|mm|mah|w|v|hz|mp|x|"
    "th|st|nd|rd"
)
_OTHER_UNITS = (
    "年|月|日|号|分|秒|小时|小時|天|元|円|块|位|次|人|名|時|년|월|일|분|초|시|원|자리|회|"
    "минут|мин|сек|час|дн|день|дней|год|руб|хв|годин|р\\b|λεπτ|"
    "นาที|วินาที|ชั่วโมง|บาท|วัน|នាទី|វិនាទី|"
    "دقيقة|دقائق|دقيقه|ثانية|ثوان|ساعة|ساعات|ريال|درهم|جنيه|"
    "मिनट|सेकंड|घंटे|रुपये|דקות"
)

_DIGIT_WORDS = """
vi  không | một | hai | ba | bốn | năm | sáu | bảy | tám | chín
vi  linh | mốt | - | - | tư | lăm | - | bẩy | - | -
en  zero | one | two | three | four | five | six | seven | eight | nine
en  oh | - | - | - | - | - | - | - | - | niner
en  o | - | - | - | - | - | - | - | - | -
es  cero | uno | dos | tres | cuatro | cinco | seis | siete | ocho | nueve
pt  - | um | dois | três | quatro | - | - | sete | oito | nove
pt  - | uma | duas | - | - | - | meia | - | - | -
fr  zéro | un | deux | trois | quatre | cinq | - | sept | huit | neuf
de  null | eins | zwei | drei | vier | fünf | sechs | sieben | acht | neun
de  - | - | zwo | - | - | - | - | - | - | -
id  nol | satu | dua | tiga | empat | lima | enam | tujuh | delapan | sembilan
id  kosong | - | - | - | - | - | - | - | - | -
it  - | - | due | tre | quattro | cinque | sei | sette | otto | nove
tr  sıfır | bir | iki | üç | dört | beş | altı | yedi | sekiz | dokuz
pl  - | jeden | dwa | trzy | cztery | pięć | sześć | siedem | osiem | dziewięć
ru  ноль | один | два | три | четыре | пять | шесть | семь | восемь | девять
th  ศูนย์ | หนึ่ง | สอง | สาม | สี่ | ห้า | หก | เจ็ด | แปด | เก้า
ko  공 | 일 | 이 | 삼 | 사 | 오 | 육 | 칠 | 팔 | 구
ko  영 | - | - | - | - | - | 륙 | - | - | -
zh  零 | 一 | 二 | 三 | 四 | 五 | 六 | 七 | 八 | 九
zh  〇 | 幺 | 两 | - | - | - | - | - | - | -
hi  शून्य | एक | दो | तीन | चार | पांच | छह | सात | आठ | नौ
ar  صفر | واحد | اثنان | ثلاثة | أربعة | خمسة | ستة | سبعة | ثمانية | تسعة
"""

# How vouchers, and the keys of customers, orders and contracts, start.
_KEY_STARTS = """
giam | giamgia | uudai | qua | tang | banmoi | tet | noel | xmas | sale | off | deal | flash | mega
free | freeship | ship | hot | vip | new | newbie | hello | welcome | save | promo | voucher
kh | hd | dh | gd | sv | nv | hs | pe | inv | ord
"""

_TABLES: tuple[tuple[Role, str], ...] = (
    # Where two tables hold the same phrase, the later one counts.
    (Role.PURPOSE, _PURPOSE),
    (Role.PROMO, _PROMO),
    (Role.SHARE, _SHARE),
    (Role.ACT, _ACT),
    (Role.TOPIC, _TOPIC),
    (Role.GOODS, _GOODS),
    (Role.SUM, _SUM),
    (Role.OTHER, _OTHER),
    (Role.CONTACT, _CONTACT),
    (Role.FOR, _FOR),
    (Role.OWNER, _OWNER),
    (Role.THIS, _THIS),
    (Role.LINK, _LINK),
    (Role.AVOID, _AVOID),
    (Role.OLD, _OLD),
    (Role.WORD, _WORD),
    (Role.CODE, _CODE),
)

# How the claims of numbers are counted: see _Judge.
_ENOUGH = 4
_ENOUGH_MIXED = 6
_ENOUGH_LETTERS = 7
_STRONG = 6
_RULED_OUT = -10  # it bears another name; only a strong claim from its other side helps
_OUTDATED = -20  # it is an old code, or one not to be used
_NEVER = 10  # a doubt that nothing outweighs
_WINDOW_ITEMS = 40  # how far from a number its name is looked for
_NEAR_WORDS = 3
_FAR_WORDS = 8
_ABBREVIATION_CHARS = 4
_SHORT_CHARS = 2

_MIN_DIGITS = 4
_USUAL_CODE = 6
_USUAL_DIGITS = 8
_MAX_DIGITS = 10  # nine and ten only right behind a word for codes
_PHONE_DIGITS = 9
_COUNT_DIGITS = 4
_MIXED_SIZES = range(4, 11)
_SPELLED_WORDS = 3

_PHONE = re.compile("0[1-9][0-9]{8}")
_HOTLINE = re.compile("1[89]00[0-9]{4,6}")
_YEAR_OR_DAY = re.compile("(?:19|20)[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01]))?")
_GROUPED_DIGITS = re.compile(r"[0-9][0-9 .\-]*")
_GROUPING = re.compile(r"[ .\-]")
_SAME = re.compile("[0-9]+|[a-z]+")
_KEY = re.compile("([a-z]{2,})[0-9]+k?")
# Words for codes in languages that bend or join their words: kodunuz, Prüfcode, engangskoden.
_STEMS = ("kodu", "kodo", "kode", "kody", "kodn", "sifre", "parol", "heslo", "hasl", "salasan")
_ENDINGS = (
    "code", "codes", "kode", "koden", "kod", "kodu", "kodunuz", "koodi", "koodisi", "passwort",
    "passord",
)  # fmt: skip
_LETTER_SIZES = range(5, 9)
_UNSPEAKABLE = re.compile("(?=[B-DF-HJ-NP-TV-XZ]*[AEIOUY]?[B-DF-HJ-NP-TV-XZ]*$)[A-Z]{5,8}")
_END_CHARS = 6_000  # of a longer text only both ends are read: no code stands in its middle
_APP_HASH_TAIL = 16  # where the hash of an app stands, blanks behind it included
_CALL_MARK = re.compile(r"^\s*\[call\]", re.IGNORECASE)
_SHORT_FORMS = {"tp", "tx", "p", "q", "mr", "mrs", "ms", "dr", "st"}
_NUMBER_STARTS = frozenset("0123456789\0")

_LINKS = {Role.LINK, Role.COLON}
_LINKS_BEHIND = {Role.LINK, Role.COLON, Role.OWNER}
_LABELS = {Role.OTHER, Role.TOPIC, Role.GOODS, Role.SUM, Role.CONTACT, Role.OLD, Role.AVOID}
_TOPICS = {Role.TOPIC, Role.GOODS}
_SEEN_THROUGH = {Role.MARK, Role.OWNER, Role.LINE, Role.LINK, Role.COLON, Role.FOR, Role.THIS}
_PURPOSES = {Role.PURPOSE, Role.CODE, Role.WORD}
_GLUED_ROLES = {Role.CODE, Role.WORD, Role.LINK}
_NUMBERS = {Role.NUMBER, Role.THING}
_STOPS = {Role.END, Role.COMMA, Role.NUMBER, Role.THING}
_PAUSES = {Role.LINE, Role.COMMA, Role.NUMBER, Role.THING}
_BREAKS = {Role.END, Role.LINE, Role.THING, Role.MARK, Role.COLON}
_OPENINGS = {Role.END, Role.LINE, Role.COLON, Role.MARK}
_BETWEEN_SPELLED = {Role.COMMA, Role.END, Role.COLON, Role.MARK}

# --------------------------------------------------------------------------------- 1. clean, fold

_SPECIAL = {
    "。": ".", "।": ".", "॥": ".", "۔": ".", "។": ".", "։": ":", "、": ",", "،": ",", "؛": ",",
    "؟": "?", "•": "*", "●": "*", "∙": "*", "∗": "*", "·": " ", "・": " ", "−": "-", "→": ">",
    "ـ": None, "—": "-", "’": "'",
}  # fmt: skip
_BY_CATEGORY = {
    "Zs": " ", "Zl": "\n", "Zp": "\n", "Cc": " ", "Cf": None, "Me": None, "Sc": "$", "Pd": "-",
    "Ps": "(", "Pe": ")", "Pi": '"', "Pf": '"', "So": " ", "Po": ",",
}  # fmt: skip
# Marks that sit on letters: accents, Arabic and Hebrew vowels, variation selectors.
_DROPPED_MARKS = {
    chr(code)
    for block in (
        range(0x300, 0x370),
        range(0x591, 0x5C8),
        range(0x64B, 0x660),
        range(0xFE00, 0xFE10),
    )
    for code in block
}
# Where the characters live that are changed at all: everything but plain letters.
_CHANGED_BLOCKS = (
    range(0x20), range(0x7F, 0x1C80), range(0x1E00, 0x2C00), range(0x3000, 0x3040),
    range(0xA620, 0xABFF), range(0xFE00, 0xFF00), range(0x1F000, 0x1FB00),
)  # fmt: skip
_FOLDED_BLOCKS = (range(0xC0, 0x530), range(0x620, 0x6D4), range(0x1E00, 0x2000))
_LETTERS = {
    "đ": "d", "Đ": "D", "ð": "d", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "İ": "I",
    "ß": "s", "æ": "a", "Æ": "A", "œ": "o", "ə": "e", "þ": "t", "ی": "ي", "ک": "ك", "ة": "ه",
}  # fmt: skip


def _plain(character: str) -> str | None:
    """What stands for a character in a clean text; None drops it."""
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character in _DROPPED_MARKS:
        return None
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.digit(character))
    return _BY_CATEGORY.get(category, character)


def _base(character: str) -> str:
    """A letter without its accents, as one letter."""
    return _LETTERS.get(character) or unicodedata.normalize("NFD", character)[0]


_PLAIN = {
    code: _plain(chr(code)) for block in _CHANGED_BLOCKS for code in block if code != ord("\n")
}
_BASE = {code: _base(chr(code)) for block in _FOLDED_BLOCKS for code in block}


def _clean(text: str) -> str:
    """The text in NFKC, its digits, blanks, dashes and marks the plain ones, as written else."""
    return unicodedata.normalize("NFKC", text).translate(_PLAIN)


def _fold(shown: str) -> str:
    """A clean text in small letters without accents; each character keeps its place."""
    return (shown if shown.isascii() else shown.translate(_BASE)).lower()


# ---------------------------------------------------------------------------------- 2. blank out

_BLANK = "\0"

# Every repetition that can be tried from many places is bounded: the scan stays linear.
_SHAPES = re.compile(
    r"""
    (?=[a-z0-9])(?<![a-z0-9.@/_%+-])(?:                                      # addresses
        https?://[^\x00-\x20,()<>"\x7f-\U0010ffff]+
      | [a-z0-9.-]*[a-z0-9]\.
        (?: (?:com|net|org|vn|info|edu|gov)(?![a-z0-9])(?:/[^\s,()<>]*)? | [a-z]{2,6}/[^\s,()<>]*)
      | [a-z0-9._%+-]+@[a-z0-9.-]+
      | (?:rm|rp|rs|vnd|usd|eur|inr|sar|aed|php|gbp)[0-9]+(?:[.,][0-9]+)*(?![0-9a-z])
    )
  | (?=[0-9])(?<![0-9a-z])(?:
        [0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9])                           # hours
      | [0-9]{1,2}[hg][0-9]{0,2}(?![0-9a-z])
      | [0-9]+(?:/[0-9]+)+                                                   # dates, fractions
      | [0-9]{1,2}([-.])[0-9]{1,2}\1(?:19|20)[0-9]{2}(?![0-9])
      | (?:19|20)[0-9]{2}([-.])[0-9]{1,2}\2[0-9]{1,2}(?![0-9])
      | [0-9]{1,4}[*x]{2,16}[0-9]{2,4}(?![0-9a-z])                           # 0987***321
      | (?<![.])(?![0-9]\.[0-9]\.[0-9]\.[0-9](?![0-9]))
        [0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9])(?!\.[0-9])                    # 203.0.113.25
      | (?<![.,])(?![0-9]{3}[.,][0-9]{3}(?![0-9]|[.,][0-9]))
        [0-9]{1,3}(?:[.,][0-9]{3})+(?:[.,][0-9]{1,2})?(?![0-9])(?![.,][0-9]) # 1.250.000
      | (?<![.,])[0-9]{1,3}[.,][0-9]{1,2}(?![0-9])(?![.,-][0-9])             # 12.34
    )
  | (?=[@$+(*x.])(?:
        @[a-z0-9.-]+
      | \$[ ]?[0-9]+(?:[.,][0-9]+)*
      | \+[ ]?[0-9]{1,4}(?:[ .()-]{1,2}[0-9]{2,4}(?![0-9])){1,4}             # phones
      | \+[0-9]+(?:[.,][0-9]+)*
      | \([0-9]{2,4}\)[ ]?[0-9]{3,4}[ -][0-9]{4}(?![0-9])
      | \*[0-9][0-9*]{0,24}\#                                                # *101#
      | (?<![0-9a-z*])[*x]{2,16}(?:[ -][*x]{2,16}){0,4}[ -]?[0-9]{2,6}(?![0-9a-z*])  # ****1234
      | (?<![0-9a-z*])[*x][0-9]{3,4}(?![0-9a-z*])
      | (?<![^\s(])\.{2,16}[0-9]{3,4}(?![0-9])
    )
    """,
    re.VERBOSE,
)

# A last word of eleven letters and digits lets an Android app find its own message; it is no code.
_APP_HASH = re.compile(
    r"(?<!\S)(?=[0-9A-Z+/]*[a-z])(?=\S[a-z+/]*[0-9A-Z])(?![a-z]+[/+][0-9]+\s*$)"
    r"[0-9A-Za-z+/]{11}\s*$"
)

# The last line of a message for browsers: @host #code (WICG, "Origin-bound one-time codes").
_BOUND_CODE = re.compile(r"(?<!\S)@[a-z0-9-]+(?:\.[a-z0-9-]+)+ #([0-9a-z-]{3,12})(?![0-9a-z])")


def _blank_out(shown: str, folded: str) -> str:
    """The folded text, with what has a shape of its own overwritten, in its full length."""
    hashed = _APP_HASH.search(shown, max(0, len(shown) - _APP_HASH_TAIL))
    if hashed:
        folded = folded[: hashed.start()] + _blanks(hashed)
    return _SHAPES.sub(_blanks, folded)


def _blanks(match: re.Match[str]) -> str:
    return _BLANK * (match.end() - match.start())


# ---------------------------------------------------------------------------------- 3. read items


@dataclass(slots=True)
class _Item:
    role: Role
    start: int
    end: int
    value: str = ""  # of a number: the code that it would be
    doubt: int = 0  # of a number: how unlike a code it looks
    mixed: bool = False  # of a number: holds letters


_TOKEN = re.compile(
    r"""
      \0+
    | [0-9](?:[ ,.-]{1,3}[0-9](?![0-9a-z])){3,}                          # 2.9.4.0.1.6
    | [0-9]{2,4}(?:([ ]?-[ ]?|[ ]{1,2}|[.,])[0-9]{2,4}(?![0-9a-z]))
      (?:\1[0-9]{2,4}(?![0-9a-z]))*                                      # 123 456
    | (?=[a-z-]{0,20}[0-9])[0-9a-z]+(?:-[0-9a-z]+)+                      # shb-7f3k2q
    | [0-9a-z]+
    | [^\x00-\x7f]+(?:[ ][^\x00-\x7f]+)*
    | \.{2,}
    | (?<![a-z])- | -(?![a-z])                                           # not that of one-time
    | [^\s0-9a-z'-]
    | \n
    """,
    re.VERBOSE,
)

_MARKS = {
    ":": Role.COLON, "=": Role.COLON, ">": Role.COLON, "-": Role.COLON,
    ",": Role.COMMA, ";": Role.COMMA, "|": Role.COMMA, "/": Role.COMMA,
    ".": Role.END, "!": Role.END, "?": Role.END, "\n": Role.LINE,
}  # fmt: skip


def _phrases(table: str) -> Iterator[str]:
    for line in table.strip().splitlines():
        yield from (_fold(_clean(phrase)).strip() for phrase in line[4:].split("|"))


def _spaced_words() -> dict[str, list[tuple[tuple[str, ...], Role]]]:
    """First word → the phrases that start with it, the longest first."""
    roles: dict[tuple[str, ...], Role] = {}
    for role, table in _TABLES:
        for phrase in _phrases(table):
            if phrase.isascii():
                roles[tuple(re.findall(r"[a-z0-9]+|[^\s']", phrase))] = role
    grouped: dict[str, list[tuple[tuple[str, ...], Role]]] = {}
    for words in sorted(roles, key=len, reverse=True):
        grouped.setdefault(words[0], []).append((words, roles[words]))
    return grouped


def _other_scripts() -> dict[str, Role]:
    return {
        phrase: role
        for role, table in _TABLES
        for phrase in _phrases(table)
        if not phrase.isascii()
    }


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))


_SPACED = _spaced_words()
_SCRIPTS = _other_scripts()
_BETWEEN_WORDS = re.compile(r"[|\n]")
_SCRIPT_PHRASE = re.compile(_alternatives(_SCRIPTS))


def _digit_words() -> dict[str, str]:
    values: dict[str, str] = {}
    for line in _DIGIT_WORDS.strip().splitlines():
        for digit, word in enumerate(line[4:].split("|")):
            values[_fold(_clean(word)).strip()] = str(digit)
    del values["-"]
    return values


def _units(table: str) -> str:
    return _alternatives(word.strip() for word in _BETWEEN_WORDS.split(table.strip()))


_DIGIT_OF = _digit_words()
_KEY_START = re.compile(_units(_KEY_STARTS))
_TIMES = {"double": 2, "triple": 3}
_SUM_BEHIND = re.compile(rf" ?(?:(?:{_units(_SUMS)})(?![a-z0-9])|\$(?!\d)|%(?![a-z]))")
_UNIT_BEHIND = re.compile(rf" ?(?:(?:{_units(_UNITS)})(?![a-z0-9])|{_fold(_OTHER_UNITS)})")
_QUANTITY = re.compile(
    rf"[0-9]{{1,4}}(?:{_GLUED_UNITS})|[0-9]+(?:{_units(_SUMS)})|[0-9]{{1,2}}(?:{_units(_UNITS)})"
)
_GLUED = re.compile("([a-z]{2,})?[0-9]{4,8}([a-z]{2,})?")
# Letters and digits that go on beyond a sign are part of something else: Qx7#mK29.
_INSIDE_BEFORE = re.compile(r"[0-9a-z\0][!#$%&+@^_~]")
_INSIDE_BEHIND = re.compile(r"[!#$%&+@^_~][0-9a-z\0]")
_DIGITS = re.compile("[0-9]+")
_PART = re.compile("[0-9a-z]+")
# Words of other scripts; Chinese and Korean digits are also written without blanks.
_PIECE = re.compile(
    r"([零〇一幺二两三四五六七八九]{4,16}|[공영일이삼사오육륙칠팔구]{4,16}(?!\S))"
    r"|[^\s零〇一幺二两三四五六七八九]+|\S"
)


class _Reader:
    """Reads a blanked text into items, from its start to its end."""

    def __init__(self, shown: str, folded: str) -> None:
        self.shown = shown
        self.folded = folded
        self.items: list[_Item] = []

    def read(self) -> list[_Item]:
        tokens = [match.span() for match in _TOKEN.finditer(self.folded)]
        words = [self.folded[start:end] for start, end in tokens]
        at = 0
        while at < len(tokens):
            at += self._phrase(words, tokens, at) or self._token(words[at], *tokens[at])
        spelled = sum(self.folded[item.start : item.end] in _DIGIT_OF for item in self.items)
        if spelled >= _SPELLED_WORDS:
            return list(_join_spelled(self.items, self.folded))
        return self.items

    def _add(self, role: Role, start: int, end: int) -> None:
        self.items.append(_Item(role, start, end))

    def _phrase(self, words: list[str], tokens: list[tuple[int, int]], at: int) -> int:
        """Takes the longest known phrase; how many tokens it took."""
        for phrase, role in _SPACED.get(words[at], ()):
            size = len(phrase)
            if size == 1 or tuple(words[at : at + size]) == phrase:
                start, end = tokens[at][0], tokens[at + size - 1][1]
                if phrase == ("ma",) and self.shown[start:end].lower() not in {"ma", "mã"}:
                    return 0  # mà, má, mạ
                self._add(role, start, end)
                return size
        return 0

    def _token(self, word: str, start: int, end: int) -> int:
        first = word[0]
        if first in _MARKS and len(word) == 1:
            mark = first == "." and self._abbreviates(start)
            self._add(Role.MARK if mark else _MARKS[first], start, end)
        elif first == _BLANK:
            self._add(Role.THING, start, end)
        elif first > "\x7f":
            self._script(word, start)
        elif word.isalpha():
            self._add(_inflected(word), start, end)
        elif not first.isalnum():
            self._add(Role.MARK, start, end)
        elif word.upper() == word.lower():
            self._digits(start, end)
        else:
            self._letters_and_digits(word, start, end)
        return 1

    def _abbreviates(self, stop: int) -> bool:
        """Whether a full stop ends a short form and no sentence: Ref. 882193, TP.HCM."""
        before = self.items[-1] if self.items else None
        if before is None or before.end != stop:
            return False
        size = before.end - before.start
        if before.role is Role.PLAIN:
            glued = size <= _SHORT_CHARS and self.folded[stop + 1 : stop + 2].isalpha()
            return glued or self.folded[before.start : stop] in _SHORT_FORMS
        follows = self.folded[stop + 1 : stop + 4].strip(" ")[:1]
        return before.role in _LABELS and size <= _ABBREVIATION_CHARS and follows in _NUMBER_STARTS

    def _script(self, stretch: str, start: int) -> None:
        """Words of a script other than Latin; some scripts set no blanks between words."""
        at = 0
        for match in _SCRIPT_PHRASE.finditer(stretch):
            before = stretch[match.start() - 1] if match.start() else " "
            if before < "\u0590" and before.isalpha():
                continue  # inside of a Greek or Cyrillic word
            self._pieces(start + at, start + match.start())
            self._add(_SCRIPTS[match.group()], start + match.start(), start + match.end())
            at = match.end()
        self._pieces(start + at, start + len(stretch))

    def _pieces(self, start: int, end: int) -> None:
        for match in _PIECE.finditer(self.folded, start, end):
            if match.group(1):
                value = _once("".join(_DIGIT_OF[each] for each in match.group(1)))
                self.items.append(_Item(Role.NUMBER, *match.span(), value, _doubt(value)))
            else:
                self._add(Role.PLAIN, *match.span())

    def _letters_and_digits(self, word: str, start: int, end: int) -> None:
        if _QUANTITY.fullmatch(word):
            self._add(Role.THING, start, end)
            return
        glued = _GLUED.fullmatch(word)
        known = glued and all(_role(word) in _GLUED_ROLES for word in glued.groups() if word)
        pieces = [
            match.span() for match in (_SAME if known else _PART).finditer(self.folded, start, end)
        ]
        kinds = [_kind(self.folded[first:last]) for first, last in pieces]
        runs = "".join(kind for at, kind in enumerate(kinds) if not at or kind != kinds[at - 1])
        if runs in {"ad", "da"} or known:
            self._beside_digits(pieces, kinds)
        elif sum(last - first for first, last in pieces) in _MIXED_SIZES and not (
            _INSIDE_BEFORE.match(self.folded, max(0, start - 2))
            or _INSIDE_BEHIND.match(self.folded, end)
        ):
            value = self.shown[start:end]
            self.items.append(_Item(Role.NUMBER, start, end, value, _key_doubt(value), mixed=True))
        else:
            self._add(Role.THING, start, end)

    def _beside_digits(self, pieces: list[tuple[int, int]], kinds: list[str]) -> None:
        """Digits behind the letters of a brand (G-284913), or in front of a word (6-digit)."""
        digits = [piece for piece, kind in zip(pieces, kinds, strict=True) if kind == "d"]
        for (start, end), kind in zip(pieces, kinds, strict=True):
            role = _role(self.folded[start:end])
            if kind == "a" and role:
                self._add(role, start, end)
            elif (start, end) == digits[0]:
                self._digits(start, digits[-1][1])

    def _digits(self, start: int, end: int) -> None:
        """One number, or several that stand in a row."""
        groups = [match.span() for match in _DIGITS.finditer(self.folded, start, end)]
        if _SUM_BEHIND.match(self.folded, end):
            self._add(Role.THING, start, end)
            return
        if len(groups) > 1 and _UNIT_BEHIND.match(self.folded, end):
            self._groups(groups[:-1])
            self._add(Role.THING, *groups[-1])
            return
        self._groups(groups)

    def _groups(self, groups: list[tuple[int, int]]) -> None:
        sizes = [end - start for start, end in groups]
        start, end = groups[0][0], groups[-1][1]
        joined = "".join(self.folded[first:last] for first, last in groups)
        if len(groups) == 1:
            self._one(start, end, joined)
            return
        value = _once(joined)
        between = self.folded[groups[0][1]]
        if len(value) < len(joined) or _reads_as_one(sizes):
            self._one(start, end, value, like_a_sum=between in ".," and min(sizes) > 1)
        elif between == " " and len(joined) < _PHONE_DIGITS:
            for each in _rows(groups):
                self._groups(each)
        else:
            self._add(Role.THING, start, end)

    def _one(self, start: int, end: int, value: str, *, like_a_sum: bool = False) -> None:
        doubt = _doubt(value) + (4 if like_a_sum else 0)
        if _UNIT_BEHIND.match(self.folded, end) and len(value) <= _COUNT_DIGITS:
            doubt += 4 if len(value) == _COUNT_DIGITS else _NEVER
        if "/" in (self.folded[start - 1 : start], self.folded[end : end + 1]):
            doubt += 3
        role = Role.NUMBER if doubt < _NEVER else Role.THING
        self.items.append(_Item(role, start, end, value, doubt))


def _role(word: str) -> Role | None:
    """The role of one word of Latin script that is known by itself."""
    for phrase, role in _SPACED.get(word, ()):
        if len(phrase) == 1:
            return role
    return None


def _inflected(word: str) -> Role:
    """The role of a word that no table holds, by how it starts or ends."""
    if len(word) <= _ABBREVIATION_CHARS:
        return Role.CODE if word.endswith("otp") else Role.PLAIN
    if word.endswith(("otp", "otpcode")):
        return Role.CODE
    return Role.WORD if word.startswith(_STEMS) or word.endswith(_ENDINGS) else Role.PLAIN


def _kind(piece: str) -> str:
    """What a piece is made of: d for digits, a for letters, m for a mixture."""
    if piece.isdecimal():
        return "d"
    return "a" if piece.isalpha() else "m"


def _once(value: str) -> str:
    """A voice says a code twice or three times in a row; this is one of them."""
    for size in range(_MIN_DIGITS, len(value) // 2 + 1):
        if value == value[:size] * (len(value) // size):
            return value[:size]
    return value


def _reads_as_one(sizes: list[int]) -> bool:
    """Whether groups of these sizes are one code: 123 456, 00-4471, 4 8 1 5 0 9."""
    total = sum(sizes)
    even = len(set(sizes)) == 1
    if even:
        return _MIN_DIGITS <= total <= _MAX_DIGITS
    return _MIN_DIGITS <= total <= _USUAL_DIGITS and min(sizes) > 1 and len(sizes) <= 3


def _rows(groups: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Neighbours of the same size together: 123 456 7 → 123 456, then 7."""
    row: list[tuple[int, int]] = []
    for group in groups:
        if row and group[1] - group[0] != row[0][1] - row[0][0]:
            yield row
            row = []
        row.append(group)
    yield row


def _doubt(value: str) -> int:
    """How unlike a code this number looks: 0 is a usual code, from _NEVER on it is none."""
    size = len(value)
    if size < 3 or size > _MAX_DIGITS or _PHONE.fullmatch(value):
        return _NEVER
    if size == 3 or size > _USUAL_DIGITS:
        return 4
    if _HOTLINE.fullmatch(value):
        return 3
    return 2 if _YEAR_OR_DAY.fullmatch(value) else 0


def _key_doubt(value: str) -> int:
    """How much letters and digits look like a voucher or a key: GIAM50K, LAZADA50, KH00412."""
    match = _KEY.fullmatch(value.lower())
    if match is None:
        return 0
    return _NEVER if _KEY_START.fullmatch(match.group(1)) else 1


def _join_spelled(items: list[_Item], folded: str) -> Iterator[_Item]:
    """Turns four or more digits that are spelled out (không năm chín …) into one number."""
    run: list[_Item] = []  # the digits, and the marks between them
    for item in items:
        if _spelled(item, folded) or (run and item.role in _BETWEEN_SPELLED):
            run.append(item)
            continue
        yield from _spoken(run, folded)
        run = []
        yield item
    yield from _spoken(run, folded)


def _spelled(item: _Item, folded: str) -> str:
    """The digits that an item says, or nothing."""
    word = folded[item.start : item.end]
    if word.isdecimal() and len(word) <= 2:
        return word
    return _DIGIT_OF.get(word, "") or ("?" if word in _TIMES else "")


def _spoken(run: list[_Item], folded: str) -> Iterator[_Item]:
    said = [_spelled(item, folded) for item in run]
    both = list(zip(run, said, strict=True))
    in_words = sum(not folded[item.start].isdecimal() for item, digits in both if digits)
    if in_words < _SPELLED_WORDS or sum(map(bool, said)) < _MIN_DIGITS:
        yield from run
        return
    value, times = "", 1
    for item, digits in both:
        value += digits * times if digits.isdecimal() else ""
        times = _TIMES.get(folded[item.start : item.end], 1)
    last = max(at for at, digits in enumerate(said) if digits)
    value = _once(value)
    yield _Item(Role.NUMBER, run[0].start, run[last].end, value, _doubt(value))
    yield from run[last + 1 :]


# -------------------------------------------------------------------------------------- 4. weigh

_SURENESS = {Role.CODE: 4, Role.WORD: 3}


@dataclass(slots=True)
class _Walk:
    """What was passed on the way from a number back to its name."""

    link: Role | None = None  # is, là or a colon, right in front of the number
    words: int = 0
    passed: bool = False  # another number
    taken: bool = False  # … that has the name for itself

    @property
    def bare(self) -> bool:
        """Nothing that counts lies between."""
        return not self.words and not self.passed


class _Judge:
    """Weighs the numbers of one text by the items around them."""

    def __init__(self, items: list[_Item], shown: str) -> None:
        self.items = items
        self.shown = shown
        self.sentence: list[int] = []  # of each item
        self.with_role: set[tuple[int, Role]] = set()  # sentence, role
        self.claims: dict[int, int] = {}  # of each number weighed so far
        sentence = 0
        for item in items:
            self.sentence.append(sentence)
            self.with_role.add((sentence, item.role))
            sentence += item.role is Role.END

    def best(self) -> str | None:
        """The number with the strongest claim, if it is strong enough."""
        numbers = [at for at, item in enumerate(self.items) if item.role is Role.NUMBER]
        for at in numbers:
            self.claims[at] = self._claim(at)
        fit = [at for at in numbers if self.claims[at] >= self._enough(at)]
        if fit:
            return self.items[max(fit, key=self._rank)].value
        return self._only_one(numbers) or self._letters()

    def _enough(self, at: int) -> int:
        return _ENOUGH_MIXED if self.items[at].mixed else _ENOUGH

    def _rank(self, at: int) -> tuple[int, bool, int]:
        return self.claims[at], len(self.items[at].value) == _USUAL_CODE, -at

    def _claim(self, at: int) -> int:
        weaker, stronger = sorted((self._before(at), self._after(at)))
        if weaker <= _OUTDATED or (weaker <= _RULED_OUT and stronger < _STRONG):
            return _RULED_OUT
        return stronger - self.items[at].doubt

    # What stands in front of a number.

    def _before(self, at: int) -> int:
        """How much what stands in front of a number says for it, or (_RULED_OUT) against it."""
        walk, acted = _Walk(), 0
        for back in range(at - 1, max(-1, at - 1 - _WINDOW_ITEMS), -1):
            role = self.items[back].role
            if role in _SURENESS:
                return max(acted, self._named(back, walk))
            if role is Role.END:
                break
            if not walk.bare:
                self._step(walk, back)
            elif role in _LINKS:
                walk.link = walk.link or role
            elif role in _LABELS and not self._counts_a_sum(back):
                return self._labelled(back, walk.link)
            else:
                acted = self._acted(at) if role is Role.ACT else 0
                self._step(walk, back)
        return acted

    def _step(self, walk: _Walk, back: int) -> None:
        role = self.items[back].role
        if role in _NUMBERS:
            walk.passed = True
            walk.taken = walk.taken or self.claims.get(back, 0) > _ENOUGH
        elif role is Role.COMMA or (role is Role.FOR and walk.bare and not walk.link):
            walk.words += 0 if walk.link else _NEAR_WORDS
        elif role not in _SEEN_THROUGH:
            walk.words += 1

    def _counts_a_sum(self, at: int) -> bool:
        """Whether a currency stands behind its sum: 500,000 VND."""
        before = self.items[at - 1].role if at else Role.END
        return self.items[at].role is Role.SUM and before in {Role.THING, Role.NUMBER}

    def _named(self, back: int, walk: _Walk) -> int:
        """A word for codes stands in front: the nearer, the better."""
        sure = self._sureness(back)
        warned = self._has(back, Role.SHARE)
        taken = 3 if walk.taken else 0
        if walk.words == 0:
            return sure + 4 - taken
        if walk.link:
            taken = min(taken, 1) if walk.link is Role.LINK else taken
            return sure + 3 - taken - (1 if warned else 0)
        if walk.words <= _NEAR_WORDS:
            return sure + (0 if warned else 1) - taken
        return 0 if warned else sure - 1 - taken

    def _sureness(self, at: int) -> int:
        """How surely a word speaks of a one-time code, and not of a voucher or a parcel."""
        role = self.items[at].role
        if role is Role.WORD:
            beside = {item.role for item in self.items[max(0, at - 2) : at]}
            if self._has(at, Role.PROMO) or (Role.GOODS in beside and not beside & _BREAKS):
                return _SURENESS[role] - 4
        return _SURENESS[role]

    def _labelled(self, back: int, link: Role | None) -> int:
        """The number bears another name, unless that is only what the code is for."""
        role = self.items[back].role
        if role in {Role.OLD, Role.AVOID}:
            return _OUTDATED
        for_it = link is Role.LINK if role is Role.OTHER else link is not None and role in _TOPICS
        names = 0
        for head in range(back - 1, max(-1, back - 1 - _WINDOW_ITEMS), -1):
            between = self.items[head].role
            if between in _SURENESS:
                if for_it:
                    return _SURENESS[between] + 2
                return _SURENESS[between] if role in _TOPICS and not names else _RULED_OUT
            if between is Role.PURPOSE and role in _TOPICS and link:
                return 5
            if between in _STOPS:
                break
            names += between is not Role.OWNER
        return _RULED_OUT

    def _acted(self, at: int) -> int:
        """A verb like enter or use stands right in front: what for?"""
        here = self.sentence[at]
        if any((here, role) in self.with_role for role in _PURPOSES):
            return 6
        return 5 if any((here - 1, role) in self.with_role for role in _PURPOSES) else 3

    # What stands behind a number.

    def _after(self, at: int) -> int:
        """How much what stands behind a number says for it, or (_RULED_OUT) against it."""
        link: Role | None = None
        words, other = 0, False
        for ahead in range(at + 1, min(len(self.items), at + 1 + _WINDOW_ITEMS)):
            role = self.items[ahead].role
            if role in _SURENESS:
                return self._named_behind(at, ahead, words, link)
            if role is Role.OLD and words <= 1:
                return _OUTDATED
            if role is Role.PURPOSE and not words and self._first(at):
                return _ENOUGH  # 482 113 to sign in
            if role is Role.END or (role in _PAUSES and not link):
                break
            if role in _LINKS_BEHIND and not words:
                link = link or role
            elif role in _LABELS:
                other = other or words == 0
                words += 1
            elif role not in _SEEN_THROUGH:
                words += 1
        return _RULED_OUT if other and link is Role.LINK else 0

    def _named_behind(self, at: int, ahead: int, words: int, link: Role | None) -> int:
        if self._names_next(ahead, self.items[at].value):
            return 0
        sure = self._sureness(ahead)
        if link:
            return sure + (2 if link is Role.COLON else 3) if words <= _FAR_WORDS else sure
        first = self._first(at)
        if words == 0:
            return sure + (3 if first else 1)
        return sure + (1 if first else -2) if words <= _NEAR_WORDS else 0

    def _first(self, at: int) -> bool:
        """Whether the number opens the message, or what follows a stop or a bracket."""
        return at == 0 or self.items[at - 1].role in _OPENINGS

    def _names_next(self, at: int, value: str) -> bool:
        """Whether a word for codes belongs to the number behind it, another one."""
        words, link = 0, False
        for item in self.items[at + 1 : at + 1 + _WINDOW_ITEMS]:
            if item.role is Role.NUMBER:
                return (link or words == 0) and item.value != value
            if item.role in _STOPS or item.role in _LABELS:
                return False
            if item.role in _LINKS:
                link = True
            elif item.role not in _SEEN_THROUGH:
                words += 1
        return False

    # A message that says code somewhere, and holds one number without a name.

    def _only_one(self, numbers: list[int]) -> str | None:
        open_ones = [
            at
            for at in numbers
            if self.claims[at] > _RULED_OUT
            and not self.items[at].mixed
            and not self.items[at].doubt
        ]
        values = {self.items[at].value for at in open_ones}
        if len(values) != 1:
            return None
        at = open_ones[0]
        telling = [back for back in range(len(self.items)) if self._tells(back)]
        near = any(
            abs(self.sentence[at] - self.sentence[back]) <= 1
            and (self.items[back].role is Role.CODE or self._this(back))
            for back in telling
        )
        long = len(self.items[at].value) > _MIN_DIGITS
        if (telling and self._alone(at)) or (near and long) or self._bare():
            return values.pop()
        return None

    # A code of letters alone: capitals that spell no word, right behind a word for codes.

    def _letters(self) -> str | None:
        for at, item in enumerate(self.items):
            if item.role is Role.PLAIN and item.end - item.start in _LETTER_SIZES:
                word = self.shown[item.start : item.end]
                ends = at + 1 == len(self.items) or self.items[at + 1].role in _BREAKS
                if ends and _UNSPEAKABLE.fullmatch(word) and self._before(at) >= _ENOUGH_LETTERS:
                    return word
        return None

    def _tells(self, at: int) -> bool:
        """Whether this item says that the message brings a code (a warning does not)."""
        named = self.items[at].role in _SURENESS
        return named and (self._this(at) or not self._has(at, Role.SHARE))

    def _this(self, at: int) -> bool:
        """Whether the word stands beside a this: this code, mã này."""
        return any(item.role is Role.THIS for item in self.items[max(0, at - 1) : at + 2])

    def _alone(self, at: int) -> bool:
        before = self.items[at - 1].role if at else Role.END
        after = self.items[at + 1].role if at + 1 < len(self.items) else Role.END
        return before in _BREAKS and after in _BREAKS

    def _bare(self) -> bool:
        """A message that is only a number, or a name and a number."""
        roles = [item.role for item in self.items if item.role not in _BREAKS]
        words = roles.count(Role.PLAIN)
        named = words <= 2 and any(item.role is Role.COLON for item in self.items)
        return set(roles) <= {Role.NUMBER, Role.PLAIN, Role.MARK} and (not words or named)

    def _has(self, at: int, role: Role) -> bool:
        return (self.sentence[at], role) in self.with_role


# ------------------------------------------------------------------------------------- the answer


def find_code(text: str, code_pattern: str | None = None) -> str | None:
    """The one-time code that a text brings.

    Args:
        text: an SMS, or the transcript of a call; any text is taken.
        code_pattern: the service's own pattern (see `compile_code_pattern`); it decides alone.

    Returns:
        The code: digits without what groups them, zeros in front kept, letters as written. None
        where the text brings no code.

    Raises:
        Refused: PATTERN_REFUSED, where the pattern is one that should not have been set.
    """
    if code_pattern is not None:
        return _by_pattern(text, code_pattern)
    shown = _ends(_CALL_MARK.sub("", _clean(_ends(text))))
    folded = _fold(shown)
    bound = _BOUND_CODE.search(folded)
    if bound and not bound.group(1).isalpha():
        return _joined(shown[slice(*bound.span(1))])
    return _Judge(_Reader(shown, _blank_out(shown, folded)).read(), shown).best()


def _ends(text: str) -> str:
    if len(text) <= 2 * _END_CHARS:
        return text
    return f"{text[:_END_CHARS]}\n{text[-_END_CHARS:]}"


def _by_pattern(text: str, source: str) -> str | None:
    pattern = compile_code_pattern(source)
    found = pattern.find(text) or pattern.find(_clean(text))
    return None if found is None else _joined(_clean(found).strip())


def _joined(code: str) -> str | None:
    """Digits without what groups them; anything that holds letters stays as it is."""
    return _GROUPING.sub("", code) if _GROUPED_DIGITS.fullmatch(code) else code or None
